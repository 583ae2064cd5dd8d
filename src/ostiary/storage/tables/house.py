"""What the house itself keeps: the audit, what is owed to others outside, jobs and settings."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from ostiary.storage.tables.columns import NUMBER, Instant, metadata, unsettled

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
    # No reference: what was owed to a webhook that is gone stays to be seen.
    Column("webhook_key", NUMBER),
    unsettled("ix_notice_lane_next_attempt_at", "lane", "next_attempt_at"),
    unsettled("ix_notice_owed_at", "owed_at"),
    unsettled("ix_notice_waiting", "organization", "id"),
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

process = Table(
    "process",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("beat", BigInteger, nullable=False, server_default="0"),
    Column("snapshot", Text, nullable=False, server_default=""),
    Column("lease_milliseconds", Integer, nullable=False, server_default="0"),
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

setting = Table(
    "setting",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("value", Text, nullable=False),
)
