"""Hosts behind a proxy that asks for forward authentication, and their browsers' cookies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ostiary.storage.tables import NUMBER, Instant

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "protected_host",
        sa.Column("origin", sa.String(length=300), nullable=False),
        sa.Column("application_key", NUMBER, nullable=False),
        sa.Column("max_age", sa.Integer(), nullable=True),
        sa.Column(
            "background_counts", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["application_key"], ["application.key"], name=("fk_protected_host_application_key")
        ),
        sa.PrimaryKeyConstraint("origin", name=("pk_protected_host")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_protected_host_application_key", "protected_host", ["application_key"], unique=False
    )
    op.create_table(
        "host_cookie",
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("origin", sa.String(length=300), nullable=False),
        sa.Column("application_key", NUMBER, nullable=False),
        sa.Column("application_epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_key"], ["application.key"], name=("fk_host_cookie_application_key")
        ),
        sa.PrimaryKeyConstraint("secret_hash", name=("pk_host_cookie")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_host_cookie_session_id", "host_cookie", ["session_id"], unique=False)
    op.create_table(
        "hand_off",
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("origin", sa.String(length=300), nullable=False),
        sa.Column("state_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("code_hash", name=("pk_hand_off")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_hand_off_expires_at", "hand_off", ["expires_at"], unique=False)
