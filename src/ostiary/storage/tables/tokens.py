"""What applications are given for a session: grants, tokens, consents, cookies of their hosts."""

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

from ostiary.storage.tables.columns import NUMBER, Instant, metadata

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
