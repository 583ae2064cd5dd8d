"""A session: one sign-in of one user on one device, and the question whether it is alive."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

import msgspec


class EndReason(enum.StrEnum):
    """Why a session ended (DESIGN section 1)."""

    SIGNED_OUT = "signed_out"
    REVOKED = "revoked"
    IDLE = "idle"
    EXPIRED = "expired"
    DISPLACED = "displaced"
    USER_DISABLED = "user_disabled"
    USER_DELETED = "user_deleted"
    CREDENTIAL_CHANGED = "credential_changed"
    TOKEN_REUSE = "token_reuse"  # noqa: S105 - a reason, not a password
    RISK = "risk"
    ADMIN_BULK = "admin_bulk"


SPARES_OFFLINE_GRANTS = frozenset(
    {EndReason.SIGNED_OUT, EndReason.IDLE, EndReason.EXPIRED, EndReason.DISPLACED}
)
"""The endings that grants with ``offline_access`` outlive (contract W13)."""


class Epochs(msgspec.Struct, frozen=True, gc=False):
    """The epochs of an organization, a user and an application (DESIGN section 1)."""

    organization: int = 0
    user: int = 0
    application: int = 0


class Device(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is known about the browser and the place of a sign-in; None: not known."""

    kind: str = "unknown"
    browser: str | None = None
    os: str | None = None
    agent: str = ""
    address: str = ""
    country: str | None = None
    city: str | None = None
    asn: str | None = None

    @property
    def name(self) -> str:
        """How people call it: ``"Firefox on Linux"``."""
        if self.browser and self.os:
            return f"{self.browser} on {self.os}"
        if self.kind == "cli":
            return "Command line"
        return self.browser or self.os or "Unknown device"


class Session(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A session's row with its names, the epochs it was born with and those of now."""

    id: str
    organization_key: int
    organization: str
    user_key: int
    user: str
    application_key: int
    application: str
    device_key: int | None
    created_at: datetime
    authenticated_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    idle_seconds: int
    remembered: bool
    device: Device
    amr: tuple[str, ...] = ()
    acr: str = ""
    label: str = ""
    born: Epochs = Epochs()
    current: Epochs = Epochs()
    ended_at: datetime | None = None
    ended_reason: EndReason | None = None
    ended_by: str = ""

    @property
    def idle_expires_at(self) -> datetime:
        """When it ends by itself if it is not used again."""
        return min(self.last_seen_at + timedelta(seconds=self.idle_seconds), self.expires_at)

    @property
    def display_name(self) -> str:
        """The user's own label, or the device's name."""
        return self.label or self.device.name


def reason_dead(session: Session, now: datetime) -> EndReason | None:
    """Why this session answers nothing any more, or None while it is alive.

    The order is that of certainty: what was written, then cut-offs, then the clocks. The stored
    last use must have been read in this very transaction (DESIGN section 2: idleness is only
    concluded after re-reading the row).
    """
    if session.ended_at is not None:
        return session.ended_reason or EndReason.REVOKED
    if session.born != session.current:
        return EndReason.ADMIN_BULK
    if now >= session.expires_at:
        return EndReason.EXPIRED
    if now >= session.last_seen_at + timedelta(seconds=session.idle_seconds):
        return EndReason.IDLE
    return None
