"""The Casdoor wire: its paths and envelopes, over the same services."""

from __future__ import annotations

from litestar import Router
from litestar.di import Provide

from ostiary.casdoor import (
    account,
    app_login,
    applications,
    health,
    login,
    logout,
    oauth_authorize,
    oauth_introspect,
    oauth_token,
    organizations,
    passwords,
    sessions,
    tokens,
    unknown,
    userinfo,
    users,
    webhooks,
    well_known,
)
from ostiary.casdoor.reading import provide_wire
from ostiary.casdoor.refusals import exception_handlers


def routers() -> list[Router]:
    """The routes of this front."""
    return [
        Router(
            path="/api",
            route_handlers=[
                # First, or the framework would make its own answer to OPTIONS, which then wins.
                oauth_token.access_preflight,
                oauth_token.refresh_preflight,
                userinfo.userinfo_preflight,
                health.health,
                login.login,
                logout.logout,
                logout.sso_logout,
                oauth_token.access_token,
                oauth_token.refresh_token,
                oauth_introspect.introspect,
                userinfo.userinfo,
                userinfo.userinfo_by_post,
                userinfo.user,
                account.get_account,
                app_login.get_app_login,
                sessions.get_sessions,
                sessions.get_session,
                sessions.is_session_duplicated,
                sessions.add_session,
                sessions.update_session,
                sessions.delete_session,
                users.get_users,
                users.get_global_users,
                users.get_sorted_users,
                users.get_user_count,
                users.get_user,
                users.add_user,
                users.update_user,
                users.delete_user,
                passwords.check_user_password,
                passwords.set_password,
                organizations.get_organizations,
                organizations.get_organization_names,
                organizations.get_organization,
                organizations.add_organization,
                organizations.update_organization,
                organizations.delete_organization,
                applications.get_applications,
                applications.get_organization_applications,
                applications.get_application,
                applications.add_application,
                applications.update_application,
                applications.delete_application,
                tokens.get_tokens,
                tokens.get_token,
                tokens.add_token,
                tokens.update_token,
                tokens.delete_token,
                webhooks.get_webhooks,
                webhooks.get_webhook,
                webhooks.add_webhook,
                webhooks.update_webhook,
                webhooks.delete_webhook,
                unknown.unknown,
            ],
            dependencies={"wire": Provide(provide_wire)},
            exception_handlers=exception_handlers(),
            include_in_schema=False,
        ),
        Router(
            path="/",
            route_handlers=[oauth_authorize.authorize, well_known.key_set, well_known.key_set_of],
            include_in_schema=False,
        ),
    ]
