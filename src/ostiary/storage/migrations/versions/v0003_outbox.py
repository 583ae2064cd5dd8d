"""Notices have lanes, a time since which they are tried, and room for what other kinds tell."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

from ostiary.storage.tables import Instant

revision = "0003"
down_revision = "0002"

_UNSETTLED = sa.text("settled_at IS NULL")


def upgrade() -> None:
    """Add them; what is waiting is tried from its making on."""
    op.add_column("notice", sa.Column("lane", sa.String(32), server_default="", nullable=False))
    op.add_column("notice", sa.Column("detail", sa.Text(), server_default="{}", nullable=False))
    op.add_column("notice", sa.Column("owed_at", Instant(), server_default="0", nullable=False))
    op.drop_column("notice", "claimed_until")
    op.drop_index("ix_notice_pending", "notice")
    op.create_table(
        "notice_lane",
        sa.Column("lane", sa.String(length=32), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("open_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("lane", name=("pk_notice_lane")),
    )
    _fill()
    for name, columns in (
        ("ix_notice_lane_next_attempt_at", ["lane", "next_attempt_at"]),
        ("ix_notice_owed_at", ["owed_at"]),
        ("ix_notice_waiting", ["organization", "id"]),
    ):
        op.create_index(
            name, "notice", columns, sqlite_where=_UNSETTLED, postgresql_where=_UNSETTLED
        )
    op.create_index("ix_notice_application_key_id", "notice", ["application_key", "id"])
    op.create_index("ix_notice_organization_id", "notice", ["organization", "id"])
    op.create_index("ix_notice_state_id", "notice", ["state", "id"])


def _fill() -> None:
    notice = sa.table("notice", *(sa.column(name) for name in ("target", "lane", "owed_at")))
    connection = op.get_bind()
    connection.execute(sa.update(notice).values(owed_at=sa.text("created_at")))
    for row in connection.execute(sa.select(notice.c.target).distinct()).all():
        lane = hashlib.sha256(row.target.encode()).hexdigest()[:32]
        connection.execute(sa.update(notice).where(notice.c.target == row.target).values(lane=lane))
