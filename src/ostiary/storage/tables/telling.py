"""Who wants to be told of sessions besides the applications' logout addresses."""

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
    UniqueConstraint,
)

from ostiary.storage.tables.columns import NUMBER, Instant, metadata

webhook = Table(
    "webhook",
    metadata,
    Column("key", NUMBER, primary_key=True, autoincrement=True),
    Column("organization_key", NUMBER, ForeignKey("organization.key"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("about", String(100), nullable=False),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("sealed_previous", LargeBinary, nullable=False),
    Column("previous_until", Instant),
    Column("sealed_extra", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("organization_key", "name"),
    # Asked at each start and each ending of a session.
    Index("ix_webhook_about", "about"),
    # No number twice: what is owed to one that is gone must not become another one's.
    sqlite_autoincrement=True,
)

logout_listener = Table(
    "logout_listener",
    metadata,
    Column(
        "application_key",
        NUMBER,
        ForeignKey("application.key"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("url", Text, nullable=False),
    Column("method", String(4), nullable=False),
    Column("parameter", String(100), nullable=False),
    sqlite_with_rowid=False,
)
