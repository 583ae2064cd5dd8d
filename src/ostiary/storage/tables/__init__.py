"""Every table and index. The migrations build exactly this; a test compares the two."""

from ostiary.storage.tables.accounts import application, credential, organization, throttle, user
from ostiary.storage.tables.columns import NUMBER, XID, Instant, Xid8, metadata, micros
from ostiary.storage.tables.house import audit_event, job, notice, notice_lane, process, setting
from ostiary.storage.tables.sessions import (
    change_log,
    client_session,
    cut_off,
    device,
    device_user,
    record,
    registered_id,
    session,
)
from ostiary.storage.tables.telling import logout_listener, webhook
from ostiary.storage.tables.tokens import (
    assertion,
    consent,
    grant,
    hand_off,
    host_cookie,
    protected_host,
    signing_key,
    token,
)

__all__ = [
    "NUMBER",
    "XID",
    "Instant",
    "Xid8",
    "application",
    "assertion",
    "audit_event",
    "change_log",
    "client_session",
    "consent",
    "credential",
    "cut_off",
    "device",
    "device_user",
    "grant",
    "hand_off",
    "host_cookie",
    "job",
    "logout_listener",
    "metadata",
    "micros",
    "notice",
    "notice_lane",
    "organization",
    "process",
    "protected_host",
    "record",
    "registered_id",
    "session",
    "setting",
    "signing_key",
    "throttle",
    "token",
    "user",
    "webhook",
]
