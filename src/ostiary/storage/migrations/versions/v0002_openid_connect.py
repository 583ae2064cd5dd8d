"""Applications as OpenID Connect clients, what users consent to, and assertions that were used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ostiary.storage.tables import NUMBER, Instant

revision = "0002"
down_revision = "0001"

_GRANTS = '["authorization_code", "refresh_token"]'
_SCOPES = '["openid", "profile", "email", "phone", "address", "groups", "offline_access"]'


def upgrade() -> None:
    """Add them; applications that are there have the usual values."""
    for name, kind, default in (
        ("grant_types", sa.Text(), _GRANTS),
        ("scopes", sa.Text(), _SCOPES),
        ("token_endpoint_auth_method", sa.String(length=40), "client_secret_basic"),
        ("jwks", sa.Text(), ""),
        ("pkce_required", sa.Boolean(), sa.text("true")),
        ("consent_required", sa.Boolean(), sa.text("false")),
        ("access_token_format", sa.String(length=20), "jwt"),
        ("access_token_lifetime", sa.Integer(), "300"),
        ("refresh_token_idle", sa.Integer(), "1209600"),
        ("refresh_token_absolute", sa.Integer(), "2592000"),
        ("id_token_alg", sa.String(length=20), "RS256"),
        ("post_logout_redirect_uris", sa.Text(), "[]"),
        ("frontchannel_logout_uri", sa.Text(), ""),
    ):
        op.add_column("application", sa.Column(name, kind, server_default=default, nullable=False))
    op.add_column("application", sa.Column("default_max_age", sa.Integer(), nullable=True))
    op.create_index("ix_grant_expires_at", "grant", ["expires_at"], unique=False)
    op.create_table(
        "consent",
        sa.Column("user_key", NUMBER, autoincrement=False, nullable=False),
        sa.Column("application_key", NUMBER, autoincrement=False, nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["user_key"], ["user.key"], name=("fk_consent_user_key")),
        sa.ForeignKeyConstraint(
            ["application_key"], ["application.key"], name=("fk_consent_application_key")
        ),
        sa.PrimaryKeyConstraint("user_key", "application_key", name=("pk_consent")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "assertion",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=("pk_assertion")),
    )
    op.create_index("ix_assertion_expires_at", "assertion", ["expires_at"], unique=False)
