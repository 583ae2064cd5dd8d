"""Everything that can go wrong on purpose.

    OstiaryError
    +-- BadInput               something that was sent cannot be used
    |   +-- BadCursor          a page cursor that this server did not make
    +-- NotFound               no such row, or none that the caller may know of
    +-- AlreadyExists          the name or id is taken
    +-- Protected              a built-in thing that must not be changed in this way
    +-- NotAllowed             the caller is known and may not
    +-- NotSignedIn            nobody is signed in, or the session has ended
    +-- CrossSite              a post that another site made
    +-- WrongCredentials       sign-in refused; never says why
    +-- TooManyFailures        sign-in delayed; says for how long
    +-- PasswordMustChange     the password is right, but somebody else chose it
    +-- ReauthenticationNeeded a live session whose last authentication is too old for this
    +-- CurrentSession         the session that one is using cannot be ended here
    +-- DeviceTaken            somebody else is signed in on this device, and was not announced
    +-- Overloaded             try again later
    +-- Unavailable            the store cannot answer: disk full, read-only, gone
    +-- Misconfigured          the operator has to mend something

Each leaf has a stable ``code`` and a public text; ``detail`` is for operators only, and every front
has one renderer that turns a leaf into its own kind of answer.
"""

from __future__ import annotations

from typing import ClassVar


class OstiaryError(Exception):
    """Any expected failure.

    Args:
        text: what the person who asked may read; a class default where there is one.
        detail: what the operator needs to know besides; never sent to strangers.
    """

    code: ClassVar[str] = "error"
    default_text: ClassVar[str] = "Something went wrong."

    def __init__(self, text: str | None = None, *, detail: str = "") -> None:
        """Keep both texts."""
        self.text = text or self.default_text
        self.detail = detail
        super().__init__(f"{self.text} ({detail})" if detail else self.text)


class BadInput(OstiaryError):
    """A value that was sent cannot be used; ``field`` names it in the sender's words."""

    code = "bad_input"
    default_text = "Something that was sent cannot be used."

    def __init__(self, field: str, text: str, *, detail: str = "") -> None:
        """Name the field."""
        self.field = field
        super().__init__(text, detail=detail)


class BadCursor(BadInput):
    """A cursor that was tampered with, or belongs to another list."""

    code = "bad_cursor"

    def __init__(self) -> None:
        """Say how to go on: without the cursor."""
        super().__init__(
            "cursor",
            "This cursor was not made by this list. Ask again without a cursor.",
        )


class NotFound(OstiaryError):
    """No such thing, or none that the caller may know of; the two look the same."""

    code = "not_found"
    default_text = "There is no such thing here."


class AlreadyExists(OstiaryError):
    """The name or another identifier is taken; ``field`` says which."""

    code = "already_exists"
    default_text = "This name is taken."

    def __init__(self, text: str | None = None, *, field: str = "", detail: str = "") -> None:
        """Say what is taken; ``field`` names it in the sender's words."""
        self.field = field
        super().__init__(text, detail=detail)


class Protected(OstiaryError):
    """A built-in thing that cannot be deleted or renamed."""

    code = "protected"
    default_text = "This is built in and cannot be changed in this way."


class NotAllowed(OstiaryError):
    """The caller is known, and may not do this."""

    code = "not_allowed"
    default_text = "You are not allowed to do this."


class NotSignedIn(OstiaryError):
    """Nobody is signed in, or the session has ended.

    ``reason`` is that of the ended session (`EndReason`'s value) where the caller presented one.
    """

    code = "not_signed_in"
    default_text = "Please sign in first."

    def __init__(self, text: str | None = None, *, reason: str = "", detail: str = "") -> None:
        """Remember why the presented session is dead, if one was presented."""
        self.reason = reason
        super().__init__(text, detail=detail)


class CrossSite(OstiaryError):
    """A state-changing request without proof that it comes from our own pages."""

    code = "cross_site"
    default_text = (
        "This request did not come from a page of this server, so nothing was done. "
        "Open the page again and repeat it there."
    )


class WrongCredentials(OstiaryError):
    """Sign-in refused. Unknown user, wrong password and disabled user are one answer."""

    code = "wrong_credentials"
    default_text = "Name or password is incorrect."


class TooManyFailures(OstiaryError):
    """Sign-in delayed after failures; ``retry_after`` is in whole seconds, at least 1."""

    code = "too_many_failures"

    def __init__(self, retry_after: int, *, detail: str = "") -> None:
        """Say how long to wait."""
        self.retry_after = max(1, retry_after)
        unit = "second" if self.retry_after == 1 else "seconds"
        super().__init__(
            f"Too many failed attempts. Wait {self.retry_after} {unit} and try again.",
            detail=detail,
        )


class PasswordMustChange(OstiaryError):
    """The password is right but was chosen by somebody else (contract W23)."""

    code = "password_must_change"
    default_text = "Choose a password of your own before you go on."


class ReauthenticationNeeded(OstiaryError):
    """A live session, but its last authentication is too long ago for this (ASVS 7.5.2)."""

    code = "reauthentication_needed"
    default_text = "Enter your password again before you do this."


class CurrentSession(OstiaryError):
    """The session that one is using is ended by signing out, not from a list."""

    code = "current_session"

    def __init__(self, session_id: str) -> None:
        """Name the session, as every front's text does."""
        self.session_id = session_id
        super().__init__("This is the session you are using. Sign out instead.")


class DeviceTaken(OstiaryError):
    """Somebody else is signed in on this device and would be signed out (DESIGN section 1)."""

    code = "device_taken"

    def __init__(self, user_name: str, session_id: str) -> None:
        """Name the user who would be signed out."""
        self.user_name = user_name
        self.session_id = session_id
        super().__init__(
            f"{user_name} is signed in in this browser. Signing in as somebody else signs "
            f"{user_name} out."
        )


class Overloaded(OstiaryError):
    """More work than this process takes at a time."""

    code = "overloaded"
    default_text = "The server is busy. Try again in a moment."

    def __init__(self, detail: str = "") -> None:
        """Tell the operator which queue was full."""
        super().__init__(detail=detail)


class Unavailable(OstiaryError):
    """The store cannot answer: no space, read-only, unreachable. Nothing was changed."""

    code = "unavailable"
    default_text = "The server cannot reach its data at the moment. Nothing was changed."

    def __init__(self, detail: str = "") -> None:
        """Tell the operator what the store said."""
        super().__init__(detail=detail)


class Misconfigured(OstiaryError):
    """Something that only the operator can mend; the text says how."""

    code = "misconfigured"
