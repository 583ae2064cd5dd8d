"""Stored passwords to test with: vectors, honest ones, and hostile ones."""

from __future__ import annotations

import base64
import hashlib

import bcrypt

from ostiary.gateways import encodings
from ostiary.gateways.encodings import Cost, StoredPassword

CHEAP = Cost(memory=8, passes=1, lanes=1)
SALT = "0123456789abcdef0123"

VECTORS = {
    "plain": "123456",
    "salt": "f8a7b3e73bfb6bb8312322f4e7b8320682d7a763f5b4fd371fc7cd2019b6347a",
    "sha512-salt": (
        "e453ca303fbdaea890e9d439dd7e77a223ab962647f079232cea05166c02b6c6"
        "a7e20e218a50ce221af5e326bd5d409fdc0468e0227106e6a86f7adbde5ffc55"
    ),
    "md5-salt": "60d6d355651281a0772c27a246c8bbca",
    "pbkdf2-salt": (
        "HEs28wQAPraOtUG/syJd/2TSstOnUZtcpccdVdCDmMhXGVmv0yiYg1HoXN+YpJLRBuJT2POyHFg2VtfHKaDC7Q=="
    ),
    "pbkdf2-django": (
        "pbkdf2_sha256$260000$0123456789abcdef0123$/Kiatazreo5N5yl/KQTPDnzINfeNUblAiYw5jc3kamQ="
    ),
}
DIGESTS = {"salt": "sha256", "sha512-salt": "sha512", "md5-salt": "md5"}
ALL = [*VECTORS, "bcrypt", "argon2id"]


def stored(encoding: str, password: bytes = b"123456", salt: str = SALT) -> StoredPassword:
    """A stored password as Casdoor would write it, but for cheaper costs; computed apart."""

    def hexdigest(message: bytes) -> str:
        return hashlib.new(DIGESTS[encoding], message).hexdigest()

    if encoding == "plain":
        value = password.decode()
    elif encoding in DIGESTS:
        value = hexdigest((hexdigest(password) + salt).encode()) if salt else hexdigest(password)
    elif encoding == "bcrypt":
        value = bcrypt.hashpw(password, bcrypt.gensalt(4, b"2a")).decode()
    elif encoding == "argon2id":
        value = encodings.make(password, b"0123456789abcdef", CHEAP)
    elif encoding == "pbkdf2-salt":
        derived = hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(salt), 27_500, 64)
        value = base64.b64encode(derived).decode()
    else:
        derived = hashlib.pbkdf2_hmac("sha256", password, salt.encode(), 10, 32)
        value = f"pbkdf2_sha256$10${salt}${base64.b64encode(derived).decode()}"
    return StoredPassword(encoding, value, (salt,))


HOSTILE = [
    "",
    " ",
    "$",
    "$$$$$$",
    "\0",
    "\ud800",
    "é" * 40,
    "x" * 2000,
    "$argon2id$v=19$m=65536,t=1,p=2$$",
    "$argon2id$v=19$m=65536,t=1,p=2$AAAA$AAAA",
    "$argon2id$v=19$m=4194304,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
    "$argon2id$v=19$m=262145,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
    "$argon2id$v=19$m=262144,t=5,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
    "$argon2id$v=19$m=8,t=999999999,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
    "$argon2id$v=19$m=1024,t=1,p=99$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
    "$argon2id$v=19$m=0,t=0,p=0$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
    "$argon2id$v=19$m=-8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
    "$argon2id$v=16$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
    "$argon2id$v=19$m=1,t=1,p=4$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
    "$argon2i$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
    "$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43 + "\n",
    "$argon2id$v=19$m=8,t=1,p=1$M$A",
    "$2a$31$" + "." * 53,
    "$2a$15$" + "." * 53,
    "$2a$99$" + "." * 53,
    "$2a$03$" + "." * 53,
    "$2a$10$short",
    "$2x$10$" + "." * 53,
    "$2a$10$" + "." * 54,
    "$2a$10$" + "é" * 53,
    "pbkdf2_sha256$2000001$salt$" + "A" * 43 + "=",
    "pbkdf2_sha256$0$salt$" + "A" * 43 + "=",
    "pbkdf2_sha256$-1$salt$AAAA",
    "pbkdf2_sha256$999999999999$salt$AAAA",
    "pbkdf2_sha256$١٢$salt$AAAA",
    "pbkdf2_sha256$10$salt",
    "pbkdf2_sha1$10$salt$AAAA",
    "pbkdf2_sha256$10$\ud800$AAAA",
]
