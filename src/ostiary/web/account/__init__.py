"""What people see about themselves: their sessions, what happened, their password."""

from __future__ import annotations

from typing import Any

from ostiary.web.account import activity, ending, labels, permissions, security, sessions

HANDLERS: list[Any] = [
    sessions.home,
    sessions.my_sessions_page,
    ending.end_page,
    ending.end_now,
    ending.not_me_page,
    ending.not_me_now,
    ending.end_others_page,
    ending.end_others_now,
    labels.label_page,
    labels.label_now,
    activity.activity_page,
    security.security_page,
    security.change_password,
    permissions.withdraw_page,
    permissions.withdraw_now,
]
"""The routes under ``/account``."""
