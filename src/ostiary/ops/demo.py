"""A filled example, made by the code that fills real installations: sign-ins, uses, endings.

Three organizations, their applications and people, and hundreds of sessions on many devices and in
many places. Everything is invented; the addresses are those set aside for documentation (RFC 5737,
RFC 3849) and the domains those of RFC 2606.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Final

import msgspec

from ostiary.domain.access import NOBODY, OPERATOR, user_caller
from ostiary.domain.accounts import Credential
from ostiary.domain.errors import NotSignedIn
from ostiary.domain.lifetime import Overrides
from ostiary.domain.notice import NoticeFilter, NoticeState
from ostiary.domain.search import LONGEST_PAGE
from ostiary.domain.session import Device, Session
from ostiary.gateways import visitors
from ostiary.gateways.encodings import Cost
from ostiary.gateways.passwords import Passwords
from ostiary.services import (
    applications,
    deliver,
    end,
    entering,
    organizations,
    passwords,
    sign_in,
    users,
)
from ostiary.services.house import Act, House
from ostiary.storage import outbox, sessions
from ostiary.storage.users import by_key as users_by_key

DAY: Final = 86_400

_ORGANIZATIONS: Final = {
    "acme": ("Acme", ("wiki", "mail", "tickets")),
    "globex": ("Globex", ("shop", "warehouse")),
    "initech": ("Initech", ("reports",)),
}
_APPLICATIONS: Final = {
    "wiki": "Wiki",
    "mail": "Mail",
    "tickets": "Tickets",
    "shop": "Shop",
    "warehouse": "Warehouse",
    "reports": "Reports",
}
_TOLD: Final = frozenset({"wiki", "mail", "shop"})
"""Applications that name a logout address."""

_PEOPLE: Final = """
Mia Keller, Abena Osei, João Duarte, Yuki Tanaka, Lena Novák, Omar Haddad, Ida Lindqvist,
Paul Weiss, Chen Wei, Sara Rossi, Tom Baker, Nadia Petrova, Luis Ortega, Amira Ben Salah,
Jonas Vogel, Priya Nair, Eva Horáková, Sam Okafor, Lotte Jansen, Marek Nowak, Aisha Khan,
Noah Meyer, Sofia Costa, Erik Berg, Hana Sato, Rosa Blanco, Ali Demir, Julie Martin,
Kofi Mensah, Vera Ionescu, Dan Fischer, Mei Lin
"""

_FIREFOX = "Mozilla/5.0 ({}; rv:145.0) Gecko/20100101 Firefox/145.0"
_CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 {}"
_SAFARI = "Mozilla/5.0 ({}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 {}"
_WINDOWS = "Windows NT 10.0; Win64; x64"
_MAC = "Macintosh; Intel Mac OS X 10_15_7"

_AGENTS: Final = (
    _FIREFOX.format("X11; Linux x86_64"),
    _FIREFOX.format(_WINDOWS),
    _CHROME.format(_WINDOWS, "Safari/537.36"),
    _CHROME.format(_WINDOWS, "Safari/537.36 Edg/143.0.0.0"),
    _CHROME.format(_MAC, "Safari/537.36"),
    _CHROME.format("Linux; Android 16; Pixel 9", "Mobile Safari/537.36"),
    _SAFARI.format(_MAC, "Safari/605.1.15"),
    _SAFARI.format("iPhone; CPU iPhone OS 18_7 like Mac OS X", "Mobile/15E148 Safari/604.1"),
    _SAFARI.format("iPad; CPU OS 18_7 like Mac OS X", "Mobile/15E148 Safari/604.1"),
    "curl/8.16.0",
)

_PLACES: Final = (
    ("203.0.113.{}", "DE", "Berlin"),
    ("203.0.113.{}", "DE", "Potsdam"),
    ("198.51.100.{}", "GH", "Accra"),
    ("192.0.2.{}", "PT", "Porto"),
    ("198.51.100.{}", "JP", "Osaka"),
    ("192.0.2.{}", "CZ", "Brno"),
    ("2001:db8:7::{}", "SE", "Uppsala"),
    ("198.51.100.{}", "BR", "São Paulo"),
    ("192.0.2.{}", "US", "Boston"),
)


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """What was made: who may sign in, all with one password, and how much there is to see."""

    users: int
    sessions: int
    password: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Who will sign in when: ``(instant, user, organization)``, in the order of time."""

    users: int
    sign_ins: tuple[tuple[datetime, str, str], ...]
    password: str


def begin(house: House, password: str) -> Plan:
    """Make organizations, applications and people, and plan what they do.

    Args:
        house: an installation that `setup.install` has just made.
        password: everybody's.
    """
    now, chance = house.clock(), _chance()
    with _hashing_quickly(house) as quick:
        people = list(_make_people(quick, password, now))
    sign_ins = sorted(
        (_long_ago(chance, now), who, organization)
        for organization, who in people
        for _ in range(chance.choice((3, 6, 8, 12, 16)))
    )
    return Plan(users=len(people), sign_ins=tuple(sign_ins), password=password)


def fill(
    house: House, plan: Plan, *, on_progress: Callable[[int], None] = lambda _: None
) -> Example:
    """Do what was planned.

    Args:
        house: the installation.
        plan: of `begin`.
        on_progress: told how many sign-ins are done.
    """
    now, chance = house.clock(), _chance()
    made: list[Session] = []
    later: list[tuple[datetime, int, Callable[[], None]]] = []
    numbers = itertools.count()

    def catch_up(until: datetime) -> None:
        while later and later[0][0] <= until:
            then, _, what = heapq.heappop(later)
            what()
            _tell(house, then)

    with _hashing_quickly(house) as quick:
        for number, (at, who, organization) in enumerate(plan.sign_ins, start=1):
            catch_up(at)
            session = _sign_in(quick, chance, plan.password, organization, who, at)
            _tell(house, at)
            made.append(session)
            for then, what in _follow_ups(house, chance, session):
                heapq.heappush(later, (then, next(numbers), what))
            on_progress(number)
    catch_up(now)
    _use(house, chance, made, now)
    return Example(users=plan.users, sessions=len(made), password=plan.password)


def _chance() -> random.Random:
    """The same example each time, but for the password."""
    return random.Random(7)  # noqa: S311 - an example, not a secret


@contextmanager
def _hashing_quickly(house: House) -> Iterator[House]:
    """The password is random: a cheap hash will do until its first real sign-in replaces it."""
    cheap = Passwords(threads=1, cost=Cost(memory=8, passes=1, lanes=1))
    try:
        yield dataclasses.replace(house, passwords=cheap)
    finally:
        cheap.close()


def _make_people(house: House, password: str, now: datetime) -> Iterator[tuple[str, str]]:
    """Organizations, applications and users; yields whose user is called what."""
    act = Act(caller=OPERATOR, now=now - timedelta(days=90))
    write, vault = house.database.write, house.vault
    credential = passwords.prepare(house, act, "acme", "example", password)
    names = iter(name.strip() for name in _PEOPLE.split(","))
    for number, (organization, (display_name, owned)) in enumerate(_ORGANIZATIONS.items()):
        write(
            organizations.add_organization,
            act,
            vault,
            organization,
            organizations.OrganizationChange(
                display_name=display_name,
                lifetimes=Overrides(idle=12 * 3_600) if number else Overrides(),
            ),
        )
        for name in owned:
            logout = f"https://{name}.{organization}.example/logout" if name in _TOLD else ""
            write(
                applications.add_application,
                act,
                vault,
                organization,
                name,
                applications.ApplicationChange(
                    display_name=_APPLICATIONS[name],
                    homepage_url=f"https://{name}.{organization}.example/",
                    redirect_uris=(f"https://{name}.{organization}.example/callback",),
                    backchannel_logout_uri=logout,
                ),
            )
        for _ in range((16, 10, 6)[number]):
            full = next(names)
            name = _short(full)
            _add_user(house, act, credential, organization, name, full)
            yield organization, name


def _short(full: str) -> str:
    first, _, last = full.partition(" ")
    return f"{first[0]}.{last.replace(' ', '')}".lower()


def _add_user(
    house: House, act: Act, credential: Credential, organization: str, name: str, full: str
) -> None:
    house.database.write(
        users.add_user,
        act,
        house.vault,
        organization,
        name,
        users.UserChange(
            display_name=full,
            email=f"{name}@{organization}.example",
            is_admin=name == "m.keller",
        ),
        credential=credential,
    )


def _long_ago(chance: random.Random, now: datetime) -> datetime:
    """Most people signed in lately, some weeks ago; nobody all at once."""
    return now - timedelta(seconds=min(chance.expovariate(1 / (4 * DAY)), 28 * DAY) + 60)


def _sign_in(
    house: House,
    chance: random.Random,
    password: str,
    organization: str,
    who: str,
    at: datetime,
) -> Session:
    address, country, city = chance.choice(_PLACES)
    where = address.format(chance.randrange(2, 250))
    header = chance.choice(_AGENTS)
    agent = visitors.parse_agent(header)
    device = Device(
        kind=agent.device_kind,
        browser=agent.browser,
        os=agent.os,
        agent=header,
        address=where,
        country=country,
        city=city,
    )
    owned = _ORGANIZATIONS[organization][1]
    attempt = sign_in.Attempt(
        organization=organization,
        application=chance.choice(owned),
        login=who,
        password=password,
        device=device,
        remember=not _one_in(chance, 5),
    )
    act = Act(now=at, address=where)
    return sign_in.sign_in(house, act, attempt).session


def _follow_ups(
    house: House, chance: random.Random, session: Session
) -> Iterator[tuple[datetime, Callable[[], None]]]:
    """What happens to a session, and when: a second application, somebody's ending."""
    write = house.database.write
    if _one_in(chance, 3):
        name = chance.choice(_ORGANIZATIONS[session.organization][1])
        then = session.created_at + timedelta(seconds=chance.randrange(5, 600))

        def enter(at: datetime = then) -> None:
            with suppress(NotSignedIn):  # another sign-in has ended it by then
                write(entering.enter, _by_its_user(house, session, at), name)

        yield then, enter
    if _one_in(chance, 6):
        then = session.created_at + timedelta(seconds=chance.randrange(900, 20_000))
        by_user = _one_in(chance, 2)

        def finish(at: datetime = then) -> None:
            if by_user:
                write(end.sign_out, _by_its_user(house, session, at))
            else:
                write(end.ensure_ended, Act(caller=OPERATOR, now=at), session.id)

        yield then, finish


def _tell(house: House, at: datetime) -> None:
    """The applications, which do not exist, have accepted what they are owed until then."""
    waiting = NoticeFilter(state=NoticeState.PENDING)
    for item in house.database.read(outbox.page, waiting, after=None, limit=LONGEST_PAGE):
        house.database.write(deliver.accepted, item, at + timedelta(seconds=1))


def _use(house: House, chance: random.Random, made: list[Session], now: datetime) -> None:
    """Some were used just now, most lately, some not any more; those the sweeper will end."""
    uses = []
    for session in made:
        longest = (now - session.created_at).total_seconds()
        ago = 0.0 if _one_in(chance, 5) else chance.expovariate(1 / 20_000)
        if ago < longest:
            uses.append((session.id, now - timedelta(seconds=ago)))
    house.database.write(sessions.store_uses, uses)


def _by_its_user(house: House, session: Session, at: datetime) -> Act:
    user = house.database.read(users_by_key, session.user_key)
    caller = NOBODY if user is None else user_caller(user, session)
    return Act(caller=caller, now=at, address=session.device.address)


def _one_in(chance: random.Random, many: int) -> bool:
    return chance.randrange(many) == 0
