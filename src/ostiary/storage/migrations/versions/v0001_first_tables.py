"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ostiary.storage.planning import plan_for_large_tables
from ostiary.storage.tables import NUMBER, XID, Instant

revision = "0001"
down_revision = None


def _transaction_id() -> sa.TextClause | None:
    """PostgreSQL numbers its transactions; SQLite has one writer at a time and needs none."""
    return sa.text("pg_current_xact_id()") if op.get_bind().dialect.name == "postgresql" else None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "audit_event",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("event", sa.String(length=60), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("organization", sa.String(length=100), server_default="", nullable=False),
        sa.Column("user", sa.String(length=100), server_default="", nullable=False),
        sa.Column("application", sa.String(length=100), server_default="", nullable=False),
        sa.Column("session_id", sa.String(length=32), server_default="", nullable=False),
        sa.Column("address", sa.String(length=45), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=("pk_audit_event")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_event_actor_id", "audit_event", ["actor", "id"], unique=False)
    op.create_index("ix_audit_event_at", "audit_event", ["at"], unique=False)
    op.create_index("ix_audit_event_event_id", "audit_event", ["event", "id"], unique=False)
    op.create_index(
        "ix_audit_event_organization_id",
        "audit_event",
        ["organization", "id"],
        unique=False,
    )
    op.create_index(
        "ix_audit_event_organization_user_id",
        "audit_event",
        ["organization", "user", "id"],
        unique=False,
    )
    op.create_index(
        "ix_audit_event_session_id_id", "audit_event", ["session_id", "id"], unique=False
    )
    op.create_table(
        "change_log",
        sa.Column("seq", NUMBER, autoincrement=True, nullable=False),
        sa.Column("xid", XID, server_default=_transaction_id(), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("organization_key", NUMBER, nullable=True),
        sa.Column("user_key", NUMBER, nullable=True),
        sa.Column("application_key", NUMBER, nullable=True),
        sa.Column("session_id", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=("pk_change_log")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_change_log_xid", "change_log", ["xid"], unique=False)
    op.create_table(
        "cut_off",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("subject", sa.String(length=20), nullable=False),
        sa.Column("subject_key", NUMBER, nullable=False),
        sa.Column("reason", sa.String(length=30), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("settled", sa.Integer(), server_default="0", nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=("pk_cut_off")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_cut_off_subject_subject_key_id",
        "cut_off",
        ["subject", "subject_key", "id"],
        unique=False,
    )
    op.create_table(
        "device",
        sa.Column("key", NUMBER, autoincrement=True, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=("pk_device")),
        sa.UniqueConstraint("secret_hash", name=("uq_device_secret_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_device_last_seen_at", "device", ["last_seen_at"], unique=False)
    op.create_table(
        "job",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=60), server_default="", nullable=False),
        sa.Column("lease_until", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("last_finished_at", Instant(), nullable=True),
        sa.Column("last_outcome", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("name", name=("pk_job")),
    )
    op.create_table(
        "organization",
        sa.Column("key", NUMBER, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("deleted_at", Instant(), nullable=True),
        sa.Column(
            "default_application",
            sa.String(length=100),
            server_default="",
            nullable=False,
        ),
        sa.Column("idle", sa.Integer(), nullable=True),
        sa.Column("absolute", sa.Integer(), nullable=True),
        sa.Column("remembered_idle", sa.Integer(), nullable=True),
        sa.Column("remembered_absolute", sa.Integer(), nullable=True),
        sa.Column("password_salt", sa.Text(), server_default="", nullable=False),
        sa.Column("exclusive", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "sign_in_disabled",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
        ),
        sa.Column(
            "keep_sessions_on_password_change",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
        ),
        sa.Column("epoch", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sealed_extra", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=("pk_organization")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_organization_name",
        "organization",
        ["name"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "process",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("beat", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("snapshot", sa.Text(), server_default="", nullable=False),
        sa.Column("lease_milliseconds", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=("pk_process")),
    )
    op.create_table(
        "record",
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("application", sa.String(length=100), nullable=False),
        sa.Column("created_time", sa.String(length=100), nullable=False),
        sa.Column("live", sa.Integer(), server_default="0", nullable=False),
        sa.Column("registered", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("owner", "name", "application", name=("pk_record")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_record_created_time",
        "record",
        ["created_time", "owner", "name", "application"],
        unique=False,
    )
    op.create_index(
        "ix_record_owner_created_time",
        "record",
        ["owner", "created_time", "name", "application"],
        unique=False,
    )
    op.create_table(
        "registered_id",
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("application", sa.String(length=100), nullable=False),
        sa.Column("public_id", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "owner", "name", "application", "public_id", name=("pk_registered_id")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=("pk_setting")),
    )
    op.create_table(
        "signing_key",
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("algorithm", sa.String(length=20), nullable=False),
        sa.Column("sealed_private", sa.LargeBinary(), nullable=False),
        sa.Column("public_jwk", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("active_from", Instant(), nullable=False),
        sa.Column("retired_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("kid", name=("pk_signing_key")),
    )
    op.create_table(
        "throttle",
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_failure_at", Instant(), nullable=False),
        sa.Column("delayed_until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=("pk_throttle")),
    )
    op.create_index("ix_throttle_last_failure_at", "throttle", ["last_failure_at"], unique=False)
    op.create_table(
        "application",
        sa.Column("key", NUMBER, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("organization_key", NUMBER, nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("deleted_at", Instant(), nullable=True),
        sa.Column("client_id", sa.String(length=100), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("redirect_uris", sa.Text(), server_default="[]", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("homepage_url", sa.Text(), server_default="", nullable=False),
        sa.Column("logo", sa.Text(), server_default="", nullable=False),
        sa.Column("backchannel_logout_uri", sa.Text(), server_default="", nullable=False),
        sa.Column("idle", sa.Integer(), nullable=True),
        sa.Column("absolute", sa.Integer(), nullable=True),
        sa.Column("remembered_idle", sa.Integer(), nullable=True),
        sa.Column("remembered_absolute", sa.Integer(), nullable=True),
        sa.Column("exclusive", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "sign_in_disabled",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
        ),
        sa.Column("epoch", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sealed_extra", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_key"],
            ["organization.key"],
            name=("fk_application_organization_key"),
        ),
        sa.PrimaryKeyConstraint("key", name=("pk_application")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_application_organization_key",
        "application",
        ["organization_key"],
        unique=False,
    )
    op.create_index(
        "uq_application_client_id",
        "application",
        ["client_id"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_application_name",
        "application",
        ["name"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "user",
        sa.Column("key", NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("organization_key", NUMBER, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("deleted_at", Instant(), nullable=True),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("phone", sa.Text(), server_default="", nullable=False),
        sa.Column("is_admin", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("disabled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_sign_in_at", Instant(), nullable=True),
        sa.Column("last_sign_in_address", sa.Text(), server_default="", nullable=False),
        sa.Column("sealed_extra", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_key"],
            ["organization.key"],
            name=("fk_user_organization_key"),
        ),
        sa.PrimaryKeyConstraint("key", name=("pk_user")),
        sa.UniqueConstraint("id", name=("uq_user_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_user_organization_key_email",
        "user",
        ["organization_key", "email"],
        unique=False,
    )
    op.create_index(
        "ix_user_organization_key_phone",
        "user",
        ["organization_key", "phone"],
        unique=False,
    )
    op.create_index(
        "uq_user_organization_key_name",
        "user",
        ["organization_key", "name"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "client_session",
        sa.Column("organization_key", NUMBER, autoincrement=False, nullable=False),
        sa.Column("user_key", NUMBER, autoincrement=False, nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("application_key", NUMBER, nullable=False),
        sa.Column("sid", sa.String(length=32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("application_epoch", sa.Integer(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["application_key"],
            ["application.key"],
            name=("fk_client_session_application_key"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_key",
            "user_key",
            "session_id",
            "application_key",
            name=("pk_client_session"),
        ),
        sa.UniqueConstraint("sid", name=("uq_client_session_sid")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_client_session_session_id", "client_session", ["session_id"], unique=False)
    op.create_index(
        "ix_client_session_live",
        "client_session",
        ["organization_key", "application_key", "started_at", "session_id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_client_session_ended",
        "client_session",
        ["organization_key", "application_key", "started_at", "session_id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_table(
        "credential",
        sa.Column("user_key", NUMBER, autoincrement=False, nullable=False),
        sa.Column("encoding", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), server_default="", nullable=False),
        sa.Column("must_change", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["user_key"], ["user.key"], name=("fk_credential_user_key")),
        sa.PrimaryKeyConstraint("user_key", name=("pk_credential")),
    )
    op.create_table(
        "device_user",
        sa.Column("device_key", NUMBER, autoincrement=False, nullable=False),
        sa.Column("user_key", NUMBER, autoincrement=False, nullable=False),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_key"],
            ["device.key"],
            name=("fk_device_user_device_key"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_key"], ["user.key"], name=("fk_device_user_user_key")),
        sa.PrimaryKeyConstraint("device_key", "user_key", name=("pk_device_user")),
    )
    op.create_index("ix_device_user_user_key", "device_user", ["user_key"], unique=False)
    op.create_table(
        "grant",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=True),
        sa.Column("organization_key", NUMBER, nullable=False),
        sa.Column("user_key", NUMBER, nullable=True),
        sa.Column("application_key", NUMBER, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("offline", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("organization_epoch", sa.Integer(), nullable=False),
        sa.Column("user_epoch", sa.Integer(), nullable=False),
        sa.Column("application_epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("ended_reason", sa.String(length=30), nullable=True),
        sa.ForeignKeyConstraint(
            ["application_key"], ["application.key"], name=("fk_grant_application_key")
        ),
        sa.PrimaryKeyConstraint("id", name=("pk_grant")),
    )
    op.create_index("ix_grant_session_id", "grant", ["session_id"], unique=False)
    op.create_index("ix_grant_user_key", "grant", ["user_key"], unique=False)
    op.create_table(
        "notice",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("application_key", NUMBER, nullable=True),
        sa.Column("organization", sa.String(length=100), nullable=False),
        sa.Column("user", sa.String(length=100), nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("sid", sa.String(length=32), server_default="", nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=30), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("next_attempt_at", Instant(), nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.Column("claimed_by", sa.String(length=36), nullable=True),
        sa.Column("claimed_until", Instant(), nullable=True),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["application_key"], ["application.key"], name=("fk_notice_application_key")
        ),
        sa.PrimaryKeyConstraint("id", name=("pk_notice")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_notice_pending",
        "notice",
        ["next_attempt_at"],
        unique=False,
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_index("ix_notice_session_id", "notice", ["session_id"], unique=False)
    op.create_table(
        "session",
        sa.Column("organization_key", NUMBER, nullable=False),
        sa.Column("user_key", NUMBER, nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("user_name", sa.String(length=100), nullable=False),
        sa.Column("application_key", NUMBER, nullable=False),
        sa.Column("device_key", NUMBER, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("authenticated_at", Instant(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=False),
        sa.Column("check_after", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("idle_seconds", sa.Integer(), nullable=False),
        sa.Column("remembered", sa.Boolean(), nullable=False),
        sa.Column("device_kind", sa.String(length=20), nullable=False),
        sa.Column("browser", sa.Text(), nullable=True),
        sa.Column("os", sa.Text(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("asn", sa.Text(), nullable=True),
        sa.Column("amr", sa.Text(), nullable=False),
        sa.Column("acr", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("organization_epoch", sa.Integer(), nullable=False),
        sa.Column("user_epoch", sa.Integer(), nullable=False),
        sa.Column("application_epoch", sa.Integer(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("ended_reason", sa.String(length=30), nullable=True),
        sa.Column("ended_by", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["application_key"],
            ["application.key"],
            name=("fk_session_application_key"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_key"],
            ["organization.key"],
            name=("fk_session_organization_key"),
        ),
        sa.ForeignKeyConstraint(["user_key"], ["user.key"], name=("fk_session_user_key")),
        sa.PrimaryKeyConstraint("organization_key", "user_key", "id", name=("pk_session")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_session_check_after",
        "session",
        ["check_after"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_session_ended_at",
        "session",
        ["ended_at"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index(
        "ix_session_ended_all_created",
        "session",
        ["created_at", "id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index(
        "ix_session_ended_all_user",
        "session",
        ["user_name", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index(
        "ix_session_ended_created",
        "session",
        ["organization_key", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index(
        "ix_session_ended_user",
        "session",
        ["organization_key", "user_name", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index(
        "ix_session_live_address",
        "session",
        ["address", "organization_key", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_session_live_all_created",
        "session",
        ["created_at", "id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_session_live_all_user",
        "session",
        ["user_name", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_session_live_country",
        "session",
        ["organization_key", "country", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_session_live_created",
        "session",
        ["organization_key", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_session_live_device",
        "session",
        ["device_key"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_session_live_user",
        "session",
        ["organization_key", "user_name", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("uq_session_id", "session", ["id"], unique=True)
    op.create_index("uq_session_secret_hash", "session", ["secret_hash"], unique=True)
    op.create_table(
        "token",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("grant_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column(
            "locally_checked",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
        ),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.Column("sealed_detail", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["grant.id"], name=("fk_token_grant_id")),
        sa.PrimaryKeyConstraint("hash", name=("pk_token")),
    )
    op.create_index("ix_token_expires_at", "token", ["expires_at"], unique=False)
    op.create_index("ix_token_grant_id", "token", ["grant_id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        plan_for_large_tables(op.get_bind())
