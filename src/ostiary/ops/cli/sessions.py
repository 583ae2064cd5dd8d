"""``ostiary sessions``: see and end them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import click
import msgspec

from ostiary.api.views import ending_view, preview_view, session_view
from ostiary.domain.errors import NotFound
from ostiary.domain.logout import Ended
from ostiary.domain.search import LONGEST_PAGE, Order, Page, SessionFilter, Sort, State
from ostiary.domain.session import EndReason
from ostiary.ops.cli import cutting, output, shapes
from ostiary.ops.cli.program import FAILED, Asked, Work, with_options
from ostiary.ops.cli.types import INSTANT, PUBLIC_ID
from ostiary.services import end, see
from ostiary.services.ending import together
from ostiary.services.see import Seen

P = ParamSpec("P")
R = TypeVar("R")

_FILTERS: Final[tuple[tuple[str, str, click.ParamType[Any] | None], ...]] = (
    ("--organization", "Of this organization.", None),
    ("--user", "Of the user with this name, or ORGANIZATION/NAME.", None),
    ("--application", "Used in this application.", None),
    ("--address", "From this network address.", None),
    ("--device-kind", "On this kind of device, such as desktop, phone or cli.", None),
    ("--browser", "In this browser, such as Firefox.", None),
    ("--country", "From this country, such as DE.", None),
    ("--created-from", "Signed in at this time or later.", INSTANT),
    ("--created-to", "Signed in before this time.", INSTANT),
    ("--seen-from", "Last used at this time or later.", INSTANT),
    ("--seen-to", "Last used before this time.", INSTANT),
    ("--text", "With each of these words in what the list shows.", None),
)

_COLUMNS: Final = (
    "ID",
    "USER",
    "DEVICE",
    "ADDRESS",
    "PLACE",
    "APPLICATIONS",
    "SIGNED IN",
    "LAST SEEN",
)


@click.group("sessions")
def command() -> None:
    """Sessions: see and end them.

    A TIME is 2026-11-24, 2026-11-24T09:00Z (UTC, unless it says otherwise) or 7d, which is seven
    days ago.
    """


def filter_options(
    function: Callable[Concatenate[Asked, SessionFilter, P], R],
) -> Callable[Concatenate[Asked, P], R]:
    """Give a command the options of a filter."""

    @functools.wraps(function)
    def with_filter(asked: Asked, /, *args: P.args, **kwargs: P.kwargs) -> R:
        named = {option[2:].replace("-", "_") for option, _, _ in _FILTERS}
        given = {name: kwargs.pop(name) for name in named}
        return function(asked, _chosen(given), *args, **kwargs)

    decorated: Callable[Concatenate[Asked, P], R] = with_filter
    for option, words, kind in reversed(_FILTERS):
        decorated = click.option(option, type=kind, help=words)(decorated)
    return decorated


def _chosen(given: dict[str, Any]) -> SessionFilter:
    """The filter that was meant.

    Raises:
        UsageError: a value is blank, as a script's variable can be. It narrows nothing, and what
            was to end somebody's sessions would end everybody's.
    """
    user, organization = given["user"], given["organization"]
    if user is not None and "/" in user:
        owner, _, given["user"] = user.partition("/")
        if organization not in {None, owner}:
            raise click.UsageError(f"--user {user!r} is not of --organization {organization!r}.")
        given["organization"] = owner
    for name, value in given.items():
        if isinstance(value, str) and not value.strip(" ,"):
            raise click.UsageError(f"--{name.replace('_', '-')} must not be empty.")
    return SessionFilter(**given)


@command.command("list")
@with_options
@filter_options
@click.option("--ended", is_flag=True, help="Those that have ended, instead of the live ones.")
@click.option("--ended-from", type=INSTANT, help="Ended at this time or later; with --ended.")
@click.option("--ended-to", type=INSTANT, help="Ended before this time; with --ended.")
@click.option(
    "--reason",
    type=click.Choice([reason.value for reason in EndReason]),
    help="Ended for this reason; with --ended.",
)
@click.option(
    "--sort",
    type=click.Choice([sort.value for sort in Sort]),
    default=Sort.CREATED.value,
    show_default=True,
    help="Newest first, or by name.",
)
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many."
)
@click.option("--all", "everything", is_flag=True, help="All of them, however many.")
@click.option("--cursor", help="Go on where an earlier list ended (`next` in its JSON).")
def list_(
    asked: Asked,
    chosen: SessionFilter,
    ended_from: datetime | None,
    ended_to: datetime | None,
    reason: str | None,
    sort: str,
    limit: int,
    cursor: str | None,
    *,
    ended: bool,
    reverse: bool,
    everything: bool,
) -> None:
    """List sessions.

    The live ones, unless --ended says otherwise.
    """
    if not ended and (ended_from or ended_to or reason):
        raise click.UsageError("--ended-from, --ended-to and --reason go with --ended.")
    chosen = msgspec.structs.replace(
        chosen,
        state=State.ENDED if ended else State.LIVE,
        ended_from=ended_from,
        ended_to=ended_to,
        reason=EndReason(reason) if reason else None,
    )
    order = Order(sort=Sort(sort), descending=(sort != Sort.USER.value) != reverse)
    most = None if everything else limit
    with asked.work() as work:
        pages = _pages(work, chosen, order, cursor=cursor, most=most)
        if asked.as_json:
            _print_json(pages, work.act.now)
        else:
            _print_rows(pages, ended=ended)


def _pages(
    work: Work, chosen: SessionFilter, order: Order, *, cursor: str | None, most: int | None
) -> Iterator[Page[Seen]]:
    """The pages of a list, each read when the one before has been printed."""
    act, left = work.act, most
    while True:
        size = LONGEST_PAGE if left is None else min(LONGEST_PAGE, left)
        page = work.house.database.read(
            see.list_sessions, act, work.house.vault, chosen, order, cursor=cursor, limit=size
        )
        yield page
        cursor = page.next
        left = None if left is None else left - len(page.items)
        if cursor is None or left == 0:
            return


def _print_json(pages: Iterator[Page[Seen]], now: datetime) -> None:
    """One object, written as the pages come: a million sessions need no memory."""
    first = last = next(pages)
    click.echo('{"items":[', nl=False)
    separator = ""
    page: Page[Seen] | None = first
    while page is not None:
        for seen in page.items:
            click.echo(separator + output.to_json(session_view(seen, now)), nl=False)
            separator = ","
        last, page = page, next(pages, None)
    rest = {
        "next": last.next,
        "previous": first.previous,
        "total": first.total,
        "total_is_exact": first.total_is_exact,
    }
    click.echo("]," + output.to_json(rest)[1:])


def _print_rows(pages: Iterator[Page[Seen]], *, ended: bool) -> None:
    columns = (*_COLUMNS, *(("ENDED", "REASON") if ended else ()))
    shown = 0
    page = None
    for page in pages:
        output.table(columns, [_row(seen, ended=ended) for seen in page.items])
        shown += len(page.items)
    if page is not None and page.next is not None:
        more = "" if page.total_is_exact else "more than "
        output.note(f"{shown:,} of {more}{page.total:,} are shown; --all shows the others.")


def _row(seen: Seen, *, ended: bool) -> tuple[output.Cell, ...]:
    item = seen.session
    return (
        item.id,
        f"{item.organization}/{item.user}",
        item.display_name,
        item.device.address,
        _place(seen),
        sorted({client.application for client in seen.clients}),
        item.created_at,
        item.last_seen_at,
        *((item.ended_at, item.ended_reason) if ended else ()),
    )


def _place(seen: Seen) -> str:
    device = seen.session.device
    return ", ".join(part for part in (device.city, device.country) if part)


@command.command("show")
@with_options
@click.argument("session_id", type=PUBLIC_ID, metavar="ID")
def show(asked: Asked, session_id: str) -> None:
    """Show one session, live or ended."""
    with asked.work() as work:
        seen = work.read(see.one_session, session_id)
    item, device = seen.session, seen.session.device
    view = session_view(seen, work.act.now)
    ended = view.ended

    def tell() -> None:
        output.facts(
            {
                "id": item.id,
                "user": f"{item.organization}/{item.user}",
                "signed in to": item.application,
                "applications": sorted({client.application for client in seen.clients}),
                "label": item.label,
                "device": device.name,
                "kind": device.kind,
                "agent": device.agent,
                "address": device.address,
                "place": _place(seen),
                "network": device.asn,
                "remembered": item.remembered,
                "signed in": item.created_at,
                "authenticated": item.authenticated_at,
                "last seen": item.last_seen_at,
                "ends if unused": item.idle_expires_at,
                "ends": item.expires_at,
                "ended": ended.at if ended else None,
                "reason": ended.reason if ended else None,
                "ended by": ended.by if ended else None,
            }
        )

    asked.answer(view, tell)


@command.command("end")
@with_options
@filter_options
@click.argument("ids", nargs=-1, type=PUBLIC_ID, metavar="[ID]...")
@click.option("--everything", is_flag=True, help="All sessions of everybody.")
@click.option(
    "--all",
    "all_",
    is_flag=True,
    help="All of the --organization, --user or --application, at once, however many.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would end.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def end_(
    asked: Asked,
    chosen: SessionFilter,
    ids: tuple[str, ...],
    *,
    everything: bool,
    all_: bool,
    dry_run: bool,
    yes: bool,
) -> int:
    """End sessions.

    Those with these ids, or all that match a filter. With a filter it says what will end, and asks
    first. When it returns, they are dead everywhere. With --all they end at once, those that begin
    meanwhile too, and only what they leave behind is written one by one.
    """
    filtered = chosen != SessionFilter()
    if sum((bool(ids), filtered, everything)) != 1:
        raise click.UsageError("Give either ids, or options of a filter, or --everything.")
    with asked.work() as work:
        if ids:
            return _end_ids(asked, work, tuple(dict.fromkeys(ids)), dry_run=dry_run)
        if all_:
            return cutting.cut_off(asked, work, chosen, dry_run=dry_run, yes=yes)
        return _end_matching(asked, work, chosen, dry_run=dry_run, yes=yes)


def _end_ids(asked: Asked, work: Work, ids: tuple[str, ...], *, dry_run: bool) -> int:
    found = work.read(see.some_sessions, ids)
    if dry_run:
        preview = end.preview_selected(found)
        live = {seen.session.id for seen in found}
        view, tell = preview_view(preview), functools.partial(shapes.tell_preview, preview)
    else:
        outcome = _end_in_batches(work, ids)
        live = set(outcome.ended)
        people = {seen.session.user_key for seen in found if seen.session.id in live}
        outcome = work.by_now(msgspec.structs.replace(outcome, users=len(people)))
        view, tell = ending_view(outcome), functools.partial(shapes.tell_ended, outcome)
    missing = [i for i in ids if i not in live]
    if missing and not live:
        raise NotFound(_no_such(missing))
    asked.answer({**msgspec.to_builtins(view), "not_found": missing}, tell)
    if missing and not asked.as_json:
        output.note(_no_such(missing))
    return FAILED if missing else 0


def _end_in_batches(work: Work, ids: tuple[str, ...]) -> Ended:
    outcomes = []
    with output.progress("Ending", len(ids)) as done:
        for start in range(0, len(ids), end.BATCH):
            outcomes.append(work.write(end.end_selected, ids[start : start + end.BATCH]))
            done(start + end.BATCH)
    return together(outcomes)


def _no_such(ids: list[str]) -> str:
    return f"There is no live session {', '.join(ids)}."


def _end_matching(
    asked: Asked, work: Work, chosen: SessionFilter, *, dry_run: bool, yes: bool
) -> int:
    preview = work.read(end.preview_matching, chosen)
    if dry_run:
        asked.answer(preview_view(preview), lambda: shapes.tell_preview(preview))
        return 0
    if preview.sessions and not yes:
        shapes.confirm(preview)
    outcome = work.by_now(_end_with_progress(work, chosen, preview.sessions))
    asked.answer(ending_view(outcome), lambda: shapes.tell_ended(outcome))
    return 0


def _end_with_progress(work: Work, chosen: SessionFilter, total: int) -> Ended:
    ended = 0
    try:
        with output.progress("Ending", total) as show:

            def progressed(count: int) -> None:
                nonlocal ended
                ended = count
                show(count)

            return end.end_matching(work.house, work.act, chosen, on_progress=progressed)
    except KeyboardInterrupt:
        output.note(f"Interrupted: {shapes.counted(ended, 'session')} had ended by then.")
        raise
