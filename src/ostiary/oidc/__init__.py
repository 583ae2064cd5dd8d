"""OpenID Connect and OAuth 2.0: one endpoint, one file."""

from __future__ import annotations

from litestar import Router

from ostiary.oidc import (
    authorize,
    check_session,
    discovery,
    end_session,
    introspect,
    jwks,
    revoke,
    token,
    userinfo,
)
from ostiary.oidc.reading import form_dependencies
from ostiary.oidc.refusals import exception_handlers

LARGEST_BODY = 65_536
"""Bytes; a refresh token with a signed assertion is a tenth of that."""


def routers() -> list[Router]:
    """The routes of this front."""
    return [
        # What people see when something is wrong here are the pages of `ostiary.web`.
        Router(
            path="/",
            route_handlers=[
                authorize.authorize,
                authorize.authorize_by_post,
                end_session.end_session,
                end_session.end_session_by_post,
                check_session.check_session,
                check_session.script,
            ],
            dependencies=form_dependencies(),
            include_in_schema=False,
            request_max_body_size=LARGEST_BODY,
        ),
        Router(
            path="/",
            route_handlers=[
                # First, or the framework would make its own answer to OPTIONS, which then wins.
                token.token_preflight,
                userinfo.userinfo_preflight,
                revoke.revoke_preflight,
                discovery.openid_configuration,
                discovery.authorization_server,
                jwks.key_set,
                token.token,
                userinfo.userinfo,
                userinfo.userinfo_by_post,
                introspect.introspect,
                revoke.revoke,
            ],
            dependencies=form_dependencies(),
            exception_handlers=exception_handlers(),
            include_in_schema=False,
            request_max_body_size=LARGEST_BODY,
        ),
    ]
