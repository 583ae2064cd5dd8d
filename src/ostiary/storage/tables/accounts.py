"""Who there is: organizations, applications, users and what they sign in with."""

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

from ostiary.storage.tables.columns import NUMBER, Instant, lifetimes, metadata, undeleted

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
    *lifetimes(),
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
    undeleted("uq_organization_name", "name"),
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
    *lifetimes(),
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
    undeleted("uq_application_name", "name"),
    undeleted("uq_application_client_id", "client_id"),
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
    undeleted("uq_user_organization_key_name", "organization_key", "name"),
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

throttle = Table(
    "throttle",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_failure_at", Instant, nullable=False),
    Column("delayed_until", Instant, nullable=False),
    Index("ix_throttle_last_failure_at", "last_failure_at"),
)
