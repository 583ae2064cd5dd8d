"""The console: what administrators see and end.

Administrators of an organization see that organization, global ones everything, and everybody else
a page that says so. The pages translate; who may see and do what is decided by the services.
"""

from __future__ import annotations

from litestar import Router

from ostiary.web.console import (
    applications,
    cut_offs,
    ending,
    events,
    hosts,
    notices,
    organizations,
    overview,
    records,
    session,
    sessions,
    user_forms,
    users,
    webhooks,
)


def routers() -> list[Router]:
    """The routes of the console, under ``/console``."""
    handlers = [
        overview.overview_page,
        sessions.sessions_page,
        ending.selected_page,
        ending.end_selected,
        ending.matching_page,
        ending.end_matching,
        session.session_page,
        records.records_page,
        records.end_page,
        records.end_record,
        users.users_page,
        users.user_page,
        users.end_page,
        users.disable_page,
        users.delete_page,
        users.end_sessions,
        users.disable,
        users.enable,
        users.delete,
        users.set_password,
        user_forms.add_page,
        user_forms.add_user,
        user_forms.edit_page,
        user_forms.edit_user,
        applications.applications_page,
        applications.application_page,
        applications.add_page,
        applications.add_application,
        applications.edit_page,
        applications.edit_application,
        applications.rotate_page,
        applications.rotate_secret,
        applications.delete_page,
        applications.delete_application,
        notices.notices_page,
        notices.resend_page,
        notices.resend,
        hosts.hosts_page,
        hosts.change_hosts,
        organizations.organizations_page,
        organizations.organization_page,
        organizations.add_page,
        organizations.add_organization,
        organizations.edit_page,
        organizations.edit_organization,
        organizations.delete_page,
        organizations.delete_organization,
        *webhooks.HANDLERS,
        cut_offs.cut_offs_page,
        cut_offs.cut_off_page,
        cut_offs.confirm_page,
        cut_offs.cut_off,
        events.events_page,
    ]
    return [Router(path="/console", route_handlers=handlers)]
