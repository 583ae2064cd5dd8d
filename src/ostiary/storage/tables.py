"""Every table and index. The migrations build exactly this; a test compares the two.

Instants are microseconds since 1970 UTC in a BIGINT: exact, sortable and the same on both
databases. A session's rows are keyed so that those of one user lie together; every list index
starts with the organization and holds live rows only, so that a page costs the same at any depth.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import FetchedValue
from sqlalchemy.types import TypeDecorator, UserDefinedType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(value: datetime) -> int:
    """Microseconds since 1970 UTC of an aware datetime."""
    return (value - _EPOCH) // _MICROSECOND


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To the stored number."""
        del dialect
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """From the stored number."""
        del dialect
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Xid8(UserDefinedType[Any]):
    """PostgreSQL's 64-bit transaction id, which cursors of the change log need (DESIGN 2)."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """The type's name."""
        return "xid8"


NUMBER = BigInteger().with_variant(Integer, "sqlite")
XID = BigInteger().with_variant(Xid8(), "postgresql")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _live(name: str, *columns: str) -> Index:
    """An index over what nobody has ended yet."""
    where = text("ended_at IS NULL")
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


def _ended(name: str, *columns: str) -> Index:
    """An index over what has ended and is kept."""
    where = text("ended_at IS NOT NULL")
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


def _unsettled(name: str, *columns: str) -> Index:
    """An index over what is still owed."""
    where = text("settled_at IS NULL")
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


def _undeleted(name: str, *columns: str) -> Index:
    """A unique index over what has not been deleted, so that a name can be given again."""
    where = text("deleted_at IS NULL")
    return Index(name, *columns, unique=True, sqlite_where=where, postgresql_where=where)


def _lifetimes() -> list[Column[Any]]:
    """An owner's overrides, in seconds; NULL: nothing said."""
    return [
        Column("idle", Integer),
        Column("absolute", Integer),
        Column("remembered_idle", Integer),
        Column("remembered_absolute", Integer),
    ]


_SCOPES = '["openid", "profile", "email", "phone", "address", "groups", "offline_access"]'

organization = Table(
    "organization",
    metadata,
    Column("key", NUMBER, primary_key=True, autoincrement=True),
    Column("name", String(100), nullable=False),
    Column("display_name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("deleted_at", Instant),
    Column("default_application", String(100), nullable=False, server_default=""),
    *_lifetimes(),
    Column("password_salt", Text, nullable=False, server_default=""),
    Column("exclusive", Boolean, nullable=False, server_default=text("false")),
    Column("sign_in_disabled", Boolean, nullable=False, server_default=text("false")),
    Column(
        "keep_sessions_on_password_change",
        Boolean,
        nullable=False,
        server_default=text("false"),
    ),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("sealed_extra", LargeBinary, nullable=False),
    _undeleted("uq_organization_name", "name"),
    sqlite_autoincrement=True,
)

application = Table(
    "application",
    metadata,
    Column("key", NUMBER, primary_key=True, autoincrement=True),
    Column("name", String(100), nullable=False),
    Column("organization_key", NUMBER, ForeignKey("organization.key"), nullable=False),
    Column("display_name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("deleted_at", Instant),
    Column("client_id", String(100), nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("redirect_uris", Text, nullable=False, server_default="[]"),
    Column("description", Text, nullable=False, server_default=""),
    Column("homepage_url", Text, nullable=False, server_default=""),
    Column("logo", Text, nullable=False, server_default=""),
    Column("backchannel_logout_uri", Text, nullable=False, server_default=""),
    *_lifetimes(),
    Column("exclusive", Boolean, nullable=False, server_default=text("false")),
    Column("sign_in_disabled", Boolean, nullable=False, server_default=text("false")),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("sealed_extra", LargeBinary, nullable=False),
    Column(
        "grant_types",
        Text,
        nullable=False,
        server_default='["authorization_code", "refresh_token"]',
    ),
    Column("scopes", Text, nullable=False, server_default=_SCOPES),
    Column(
        "token_endpoint_auth_method",
        String(40),
        nullable=False,
        server_default="client_secret_basic",
    ),
    Column("jwks", Text, nullable=False, server_default=""),
    Column("pkce_required", Boolean, nullable=False, server_default=text("true")),
    Column("consent_required", Boolean, nullable=False, server_default=text("false")),
    Column("default_max_age", Integer),
    Column("access_token_format", String(20), nullable=False, server_default="jwt"),
    Column("access_token_lifetime", Integer, nullable=False, server_default="300"),
    Column("refresh_token_idle", Integer, nullable=False, server_default="1209600"),
    Column("refresh_token_absolute", Integer, nullable=False, server_default="2592000"),
    Column("id_token_alg", String(20), nullable=False, server_default="RS256"),
    Column("post_logout_redirect_uris", Text, nullable=False, server_default="[]"),
    Column("frontchannel_logout_uri", Text, nullable=False, server_default=""),
    _undeleted("uq_application_name", "name"),
    _undeleted("uq_application_client_id", "client_id"),
    Index("ix_application_organization_key", "organization_key"),
    sqlite_autoincrement=True,
)

user = Table(
    "user",
    metadata,
    Column("key", NUMBER, primary_key=True, autoincrement=True),
    Column("id", String(100), nullable=False, unique=True),
    Column("organization_key", NUMBER, ForeignKey("organization.key"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("display_name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("deleted_at", Instant),
    Column("email", Text, nullable=False, server_default=""),
    Column("phone", Text, nullable=False, server_default=""),
    Column("is_admin", Boolean, nullable=False, server_default=text("false")),
    Column("disabled", Boolean, nullable=False, server_default=text("false")),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("last_sign_in_at", Instant),
    Column("last_sign_in_address", Text, nullable=False, server_default=""),
    Column("sealed_extra", LargeBinary, nullable=False),
    _undeleted("uq_user_organization_key_name", "organization_key", "name"),
    Index("ix_user_organization_key_email", "organization_key", "email"),
    Index("ix_user_organization_key_phone", "organization_key", "phone"),
    sqlite_autoincrement=True,
)

credential = Table(
    "credential",
    metadata,
    Column(
        "user_key",
        NUMBER,
        ForeignKey("user.key"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("encoding", String(40), nullable=False),
    Column("value", Text, nullable=False),
    Column("salt", Text, nullable=False, server_default=""),
    Column("must_change", Boolean, nullable=False, server_default=text("false")),
    Column("changed_at", Instant, nullable=False),
)

device = Table(
    "device",
    metadata,
    Column("key", NUMBER, primary_key=True, autoincrement=True),
    Column("secret_hash", LargeBinary(32), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Index("ix_device_last_seen_at", "last_seen_at"),
    sqlite_autoincrement=True,
)

device_user = Table(
    "device_user",
    metadata,
    Column(
        "device_key",
        NUMBER,
        ForeignKey("device.key", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column(
        "user_key",
        NUMBER,
        ForeignKey("user.key"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("first_seen_at", Instant, nullable=False),
    Index("ix_device_user_user_key", "user_key"),
)

session = Table(
    "session",
    metadata,
    Column("organization_key", NUMBER, ForeignKey("organization.key"), primary_key=True),
    Column("user_key", NUMBER, ForeignKey("user.key"), primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("secret_hash", LargeBinary(32), nullable=False),
    Column("user_name", String(100), nullable=False),
    Column("application_key", NUMBER, ForeignKey("application.key"), nullable=False),
    Column("device_key", NUMBER),
    Column("created_at", Instant, nullable=False),
    Column("authenticated_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("check_after", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("idle_seconds", Integer, nullable=False),
    Column("remembered", Boolean, nullable=False),
    Column("device_kind", String(20), nullable=False),
    Column("browser", Text),
    Column("os", Text),
    Column("agent", Text, nullable=False),
    Column("address", String(45), nullable=False),
    Column("country", String(2)),
    Column("city", Text),
    Column("asn", Text),
    Column("amr", Text, nullable=False),
    Column("acr", Text, nullable=False),
    Column("label", Text, nullable=False, server_default=""),
    Column("organization_epoch", Integer, nullable=False),
    Column("user_epoch", Integer, nullable=False),
    Column("application_epoch", Integer, nullable=False),
    Column("ended_at", Instant),
    Column("ended_reason", String(30)),
    Column("ended_by", Text, nullable=False, server_default=""),
    Index("uq_session_id", "id", unique=True),
    Index("uq_session_secret_hash", "secret_hash", unique=True),
    _live("ix_session_live_created", "organization_key", "created_at", "id"),
    _live("ix_session_live_user", "organization_key", "user_name", "created_at", "id"),
    _live("ix_session_live_address", "address", "organization_key", "created_at", "id"),
    _live("ix_session_live_country", "organization_key", "country", "created_at", "id"),
    _live("ix_session_live_all_created", "created_at", "id"),
    _live("ix_session_live_all_user", "user_name", "created_at", "id"),
    _live("ix_session_live_device", "device_key"),
    _live("ix_session_check_after", "check_after"),
    _ended("ix_session_ended_created", "organization_key", "created_at", "id"),
    _ended("ix_session_ended_user", "organization_key", "user_name", "created_at", "id"),
    _ended("ix_session_ended_all_created", "created_at", "id"),
    _ended("ix_session_ended_all_user", "user_name", "created_at", "id"),
    _ended("ix_session_ended_at", "ended_at"),
    sqlite_with_rowid=False,
)

_IN_APPLICATION = ("organization_key", "application_key", "started_at", "session_id")

client_session = Table(
    "client_session",
    metadata,
    Column("organization_key", NUMBER, primary_key=True, autoincrement=False),
    Column("user_key", NUMBER, primary_key=True, autoincrement=False),
    Column("session_id", String(32), primary_key=True),
    Column("application_key", NUMBER, ForeignKey("application.key"), primary_key=True),
    Column("sid", String(32), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    # The session's own created_at, so that an application's sessions can be listed in its order.
    Column("started_at", Instant, nullable=False),
    Column("application_epoch", Integer, nullable=False),
    Column("ended_at", Instant),
    Column("settled_at", Instant),
    Index("ix_client_session_session_id", "session_id"),
    _live("ix_client_session_live", *_IN_APPLICATION),
    _ended("ix_client_session_ended", *_IN_APPLICATION),
    sqlite_with_rowid=False,
)

record = Table(
    "record",
    metadata,
    Column("owner", String(100), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("application", String(100), primary_key=True),
    Column("created_time", String(100), nullable=False),
    Column("live", Integer, nullable=False, server_default="0"),
    Column("registered", Boolean, nullable=False, server_default=text("false")),
    Index("ix_record_owner_created_time", "owner", "created_time", "name", "application"),
    Index("ix_record_created_time", "created_time", "owner", "name", "application"),
    sqlite_with_rowid=False,
)

registered_id = Table(
    "registered_id",
    metadata,
    Column("owner", String(100), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("application", String(100), primary_key=True),
    Column("public_id", String(200), primary_key=True),
    Column("position", Integer, nullable=False),
    sqlite_with_rowid=False,
)

grant = Table(
    "grant",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("session_id", String(32)),
    Column("organization_key", NUMBER, nullable=False),
    Column("user_key", NUMBER),
    Column("application_key", NUMBER, ForeignKey("application.key"), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("offline", Boolean, nullable=False, server_default=text("false")),
    Column("organization_epoch", Integer, nullable=False),
    Column("user_epoch", Integer, nullable=False),
    Column("application_epoch", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("ended_reason", String(30)),
    Index("ix_grant_session_id", "session_id"),
    Index("ix_grant_user_key", "user_key"),
    Index("ix_grant_expires_at", "expires_at"),
)

token = Table(
    "token",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("grant_id", String(32), ForeignKey("grant.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("locally_checked", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("sealed_detail", LargeBinary, nullable=False),
    Index("ix_token_grant_id", "grant_id"),
    Index("ix_token_expires_at", "expires_at"),
)

consent = Table(
    "consent",
    metadata,
    Column(
        "user_key",
        NUMBER,
        ForeignKey("user.key"),
        primary_key=True,
        autoincrement=False,
    ),
    Column(
        "application_key",
        NUMBER,
        ForeignKey("application.key"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("scopes", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

# Assertions by which applications authenticated: none of them is good twice (RFC 7523, 3).
assertion = Table(
    "assertion",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("expires_at", Instant, nullable=False),
    Index("ix_assertion_expires_at", "expires_at"),
)

change_log = Table(
    "change_log",
    metadata,
    Column("seq", NUMBER, primary_key=True, autoincrement=True),
    # Filled in by PostgreSQL itself (the migration sets the default); NULL on SQLite.
    Column("xid", XID, server_default=FetchedValue()),
    Column("at", Instant, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("organization_key", NUMBER),
    Column("user_key", NUMBER),
    Column("application_key", NUMBER),
    Column("session_id", String(32)),
    Index("ix_change_log_xid", "xid"),
    sqlite_autoincrement=True,
)

process = Table(
    "process",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("beat", BigInteger, nullable=False, server_default="0"),
    Column("snapshot", Text, nullable=False, server_default=""),
    Column("lease_milliseconds", Integer, nullable=False, server_default="0"),
)

audit_event = Table(
    "audit_event",
    metadata,
    Column("id", NUMBER, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("event", String(60), nullable=False),
    Column("actor", Text, nullable=False),
    Column("organization", String(100), nullable=False, server_default=""),
    Column("user", String(100), nullable=False, server_default=""),
    Column("application", String(100), nullable=False, server_default=""),
    Column("session_id", String(32), nullable=False, server_default=""),
    Column("address", String(45), nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default="{}"),
    Index("ix_audit_event_actor_id", "actor", "id"),
    Index("ix_audit_event_at", "at"),
    Index("ix_audit_event_event_id", "event", "id"),
    Index("ix_audit_event_organization_id", "organization", "id"),
    Index("ix_audit_event_organization_user_id", "organization", "user", "id"),
    Index("ix_audit_event_session_id_id", "session_id", "id"),
    sqlite_autoincrement=True,
)

notice = Table(
    "notice",
    metadata,
    Column("id", NUMBER, primary_key=True, autoincrement=True),
    Column("kind", String(30), nullable=False),
    Column("application_key", NUMBER, ForeignKey("application.key")),
    Column("organization", String(100), nullable=False),
    Column("user", String(100), nullable=False),
    Column("session_id", String(32), nullable=False),
    Column("sid", String(32), nullable=False, server_default=""),
    Column("target", Text, nullable=False),
    Column("lane", String(32), nullable=False, server_default=""),
    Column("reason", String(30), nullable=False),
    Column("detail", Text, nullable=False, server_default="{}"),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_at", Instant, nullable=False),
    Column("owed_at", Instant, nullable=False, server_default="0"),
    Column("next_attempt_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("claimed_by", String(36)),
    Column("last_error", Text, nullable=False, server_default=""),
    _unsettled("ix_notice_lane_next_attempt_at", "lane", "next_attempt_at"),
    _unsettled("ix_notice_owed_at", "owed_at"),
    _unsettled("ix_notice_waiting", "organization", "id"),
    Index("ix_notice_application_key_id", "application_key", "id"),
    Index("ix_notice_organization_id", "organization", "id"),
    Index("ix_notice_session_id", "session_id"),
    Index("ix_notice_state_id", "state", "id"),
    sqlite_autoincrement=True,
)

notice_lane = Table(
    "notice_lane",
    metadata,
    Column("lane", String(32), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("open_until", Instant),
)

signing_key = Table(
    "signing_key",
    metadata,
    Column("kid", String(64), primary_key=True),
    Column("algorithm", String(20), nullable=False),
    Column("sealed_private", LargeBinary, nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("active_from", Instant, nullable=False),
    Column("retired_at", Instant),
)

job = Table(
    "job",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("holder", String(60), nullable=False, server_default=""),
    Column("lease_until", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("last_finished_at", Instant),
    Column("last_outcome", Text, nullable=False, server_default=""),
)

throttle = Table(
    "throttle",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_failure_at", Instant, nullable=False),
    Column("delayed_until", Instant, nullable=False),
    Index("ix_throttle_last_failure_at", "last_failure_at"),
)

protected_host = Table(
    "protected_host",
    metadata,
    Column("origin", String(300), primary_key=True),
    Column("application_key", NUMBER, ForeignKey("application.key"), nullable=False),
    Column("max_age", Integer),
    Column("background_counts", Boolean, nullable=False, server_default=text("false")),
    Index("ix_protected_host_application_key", "application_key"),
    sqlite_with_rowid=False,
)

host_cookie = Table(
    "host_cookie",
    metadata,
    Column("secret_hash", LargeBinary(32), primary_key=True),
    Column("session_id", String(32), nullable=False),
    Column("origin", String(300), nullable=False),
    Column("application_key", NUMBER, ForeignKey("application.key"), nullable=False),
    Column("application_epoch", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_host_cookie_session_id", "session_id"),
    sqlite_with_rowid=False,
)

hand_off = Table(
    "hand_off",
    metadata,
    Column("code_hash", LargeBinary(32), primary_key=True),
    Column("session_id", String(32), nullable=False),
    Column("origin", String(300), nullable=False),
    Column("state_hash", LargeBinary(32), nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("ix_hand_off_expires_at", "expires_at"),
    sqlite_with_rowid=False,
)

cut_off = Table(
    "cut_off",
    metadata,
    Column("id", NUMBER, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("subject", String(20), nullable=False),
    Column("subject_key", NUMBER, nullable=False),
    Column("reason", String(30), nullable=False),
    Column("actor", Text, nullable=False),
    Column("settled", Integer, nullable=False, server_default="0"),
    Column("finished_at", Instant),
    Index("ix_cut_off_subject_subject_key_id", "subject", "subject_key", "id"),
    sqlite_autoincrement=True,
)

setting = Table(
    "setting",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("value", Text, nullable=False),
)
