"""Webhooks, and where the Casdoor wire's SSO-logout notifications go."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ostiary.storage.tables import NUMBER, Instant

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "webhook",
        sa.Column("key", NUMBER, autoincrement=True, nullable=False),
        sa.Column("organization_key", NUMBER, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("about", sa.String(length=100), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_previous", sa.LargeBinary(), nullable=False),
        sa.Column("previous_until", Instant(), nullable=True),
        sa.Column("sealed_extra", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_key"], ["organization.key"], name=("fk_webhook_organization_key")
        ),
        sa.PrimaryKeyConstraint("key", name=("pk_webhook")),
        sa.UniqueConstraint("organization_key", "name", name=("uq_webhook_organization_key_name")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhook_about", "webhook", ["about"], unique=False)
    op.create_table(
        "logout_listener",
        sa.Column("application_key", NUMBER, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("method", sa.String(length=4), nullable=False),
        sa.Column("parameter", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_key"], ["application.key"], name=("fk_logout_listener_application_key")
        ),
        sa.PrimaryKeyConstraint("application_key", "position", name=("pk_logout_listener")),
        sqlite_with_rowid=False,
    )
    op.add_column("notice", sa.Column("webhook_key", NUMBER, nullable=True))
