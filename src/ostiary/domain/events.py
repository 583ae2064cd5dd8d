"""The closed vocabulary of the audit: ``subject.action`` (STYLE, habit 10).

Adding one means adding it to ``docs/events.md``; a test says so.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

import msgspec


class Event(enum.StrEnum):
    """Everything that is written to the audit."""

    SESSION_STARTED = "session.started"
    SESSION_REAUTHENTICATED = "session.reauthenticated"
    SESSION_ENTERED = "session.entered"
    SESSION_ENDED = "session.ended"
    SESSION_LABELLED = "session.labelled"
    SESSION_REPORTED = "session.reported"
    RECORD_REGISTERED = "record.registered"
    RECORD_UPDATED = "record.updated"
    RECORD_DELETED = "record.deleted"
    SIGN_IN_FAILED = "sign_in.failed"
    SIGN_IN_DELAYED = "sign_in.delayed"
    USER_ADDED = "user.added"
    USER_UPDATED = "user.updated"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    USER_DELETED = "user.deleted"
    USER_PASSWORD_CHANGED = "user.password_changed"  # noqa: S105 - an event, not a password
    ORGANIZATION_ADDED = "organization.added"
    ORGANIZATION_UPDATED = "organization.updated"
    ORGANIZATION_DELETED = "organization.deleted"
    APPLICATION_ADDED = "application.added"
    APPLICATION_UPDATED = "application.updated"
    APPLICATION_DELETED = "application.deleted"
    WEBHOOK_ADDED = "webhook.added"
    WEBHOOK_UPDATED = "webhook.updated"
    WEBHOOK_DELETED = "webhook.deleted"
    NOTICE_DELIVERED = "notice.delivered"
    NOTICE_FAILED = "notice.failed"
    NOTICE_GIVEN_UP = "notice.given_up"
    NOTICE_RESENT = "notice.resent"
    CUT_OFF_STARTED = "cut_off.started"
    CLIENT_REFUSED = "client.refused"
    GRANT_ISSUED = "grant.issued"
    GRANT_REVOKED = "grant.revoked"
    GRANT_REUSED = "grant.reused"
    CONSENT_GIVEN = "consent.given"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    KEY_ROTATED = "key.rotated"
    SETUP_COMPLETED = "setup.completed"
    RETENTION_PURGED = "retention.purged"


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the audit: who did what to whom, when, from where, with old and new."""

    id: int
    at: datetime
    event: Event
    actor: str
    organization: str = ""
    user: str = ""
    application: str = ""
    session_id: str = ""
    address: str = ""
    detail: dict[str, Any] = {}
