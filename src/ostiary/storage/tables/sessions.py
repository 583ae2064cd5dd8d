"""Sessions, where they are used, and the records that the Casdoor wire shows of them.

A session's rows are keyed so that those of one user lie together; every list index starts with the
organization and holds live rows only, so that a page costs the same at any depth.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.schema import FetchedValue

from ostiary.storage.tables.columns import NUMBER, XID, Instant, ended, live, metadata

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
    live("ix_session_live_created", "organization_key", "created_at", "id"),
    live("ix_session_live_user", "organization_key", "user_name", "created_at", "id"),
    live("ix_session_live_address", "address", "organization_key", "created_at", "id"),
    live("ix_session_live_country", "organization_key", "country", "created_at", "id"),
    live("ix_session_live_all_created", "created_at", "id"),
    live("ix_session_live_all_user", "user_name", "created_at", "id"),
    live("ix_session_live_device", "device_key"),
    live("ix_session_check_after", "check_after"),
    ended("ix_session_ended_created", "organization_key", "created_at", "id"),
    ended("ix_session_ended_user", "organization_key", "user_name", "created_at", "id"),
    ended("ix_session_ended_all_created", "created_at", "id"),
    ended("ix_session_ended_all_user", "user_name", "created_at", "id"),
    ended("ix_session_ended_at", "ended_at"),
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
    live("ix_client_session_live", *_IN_APPLICATION),
    ended("ix_client_session_ended", *_IN_APPLICATION),
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
