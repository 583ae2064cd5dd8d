"""``ostiary notices``: what applications and webhooks are owed."""

from __future__ import annotations

import click

from ostiary.api.notices import notice_view
from ostiary.domain.notice import Notice, NoticeFilter, NoticeState
from ostiary.ops.cli import output
from ostiary.ops.cli.program import Asked, with_options
from ostiary.services import notices

_NUMBER = click.IntRange(1, 2**62)


@click.group("notices")
def command() -> None:
    """Notices: who is owed a message, and what became of it."""


@command.command("list")
@with_options
@click.option("--organization", help="About sessions of this organization only.")
@click.option("--application", help="Owed to this application only.")
@click.option(
    "--state", type=click.Choice([s.value for s in NoticeState]), help="In this state only."
)
@click.option("--session", "session_id", help="About the session of this public id only.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000),
    default=100,
    show_default=True,
    help="At most so many.",
)
@click.option("--cursor", help="Begin with this page: `next` of the one before, in --json.")
def list_(
    asked: Asked,
    organization: str | None,
    application: str | None,
    state: str | None,
    session_id: str | None,
    limit: int,
    cursor: str | None,
) -> None:
    """List notices, newest first."""
    chosen = NoticeFilter(
        organization=organization,
        application=application,
        state=NoticeState(state) if state else None,
        session_id=session_id,
    )
    with asked.work() as work:
        vault = work.house.vault
        page = work.read(notices.list_notices, vault, chosen, cursor=cursor, limit=limit)

    def tell() -> None:
        output.table(
            ("NOTICE", "STATE", "KIND", "APPLICATION", "USER", "TRIES", "TARGET", "LAST ERROR"),
            [
                (
                    item.id,
                    item.state.value,
                    item.kind,
                    item.application,
                    f"{item.organization}/{item.user}" if item.user else item.organization,
                    item.attempts,
                    item.target,
                    item.last_error,
                )
                for item in page.items
            ],
        )
        if page.next is not None:
            more = "" if page.total_is_exact else "more than "
            output.note(f"{len(page.items):,} of {more}{page.total:,} are shown.")

    shown = {
        "items": [notice_view(item) for item in page.items],
        "next": page.next,
        "previous": page.previous,
        "total": page.total,
        "total_is_exact": page.total_is_exact,
    }
    asked.answer(shown, tell)


@command.command("show")
@with_options
@click.argument("number", type=_NUMBER)
def show(asked: Asked, number: int) -> None:
    """Show a notice."""
    with asked.work() as work:
        found = work.read(notices.get_notice, number)
    asked.answer(notice_view(found), lambda: _tell(found))


@command.command("resend")
@with_options
@click.argument("number", type=_NUMBER)
def resend(asked: Asked, number: int) -> None:
    """Send a notice again.

    The server does it at once, for as long as it tries a new one.
    """
    with asked.work() as work:
        found = work.write(notices.resend, number)
    asked.answer(
        notice_view(found),
        lambda: output.line(f"Notice {number} is sent to {found.target} again."),
    )


def _tell(item: Notice) -> None:
    output.facts(
        {
            "notice": item.id,
            "state": item.state.value,
            "kind": item.kind,
            "application": item.application,
            "organization": item.organization,
            "user": item.user,
            "session": item.session_id,
            "target": item.target,
            "reason": item.reason,
            "attempts": item.attempts,
            "last error": item.last_error,
            "owed since": item.owed_at,
            "next attempt": None if item.settled_at is not None else item.next_attempt_at,
            "settled": item.settled_at,
        }
    )
