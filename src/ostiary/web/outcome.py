"""What an ending did, in words: who was told, who will be, and who cannot be (DESIGN section 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ostiary.domain.access import Caller
from ostiary.domain.accounts import BUILT_IN_APPLICATION
from ostiary.domain.logout import Ended
from ostiary.edge.house import Visit
from ostiary.edge.telling import after_a_moment
from ostiary.services.see import Seen
from ostiary.web import flash
from ostiary.web.flash import Line, line
from ostiary.web.pages import Redirect
from ostiary.web.words import clock


def display_names(seen: Iterable[Seen]) -> dict[str, str]:
    """How the applications of some sessions call themselves, by their names."""
    return {c.application: c.display_name or c.application for s in seen for c in s.clients}


def lines_of(visit: Visit, ended: Ended, names: Mapping[str, str]) -> list[Line]:
    """The sentences after "ended": about applications other than Ostiary itself.

    Args:
        visit: the request.
        ended: what happened.
        names: see `display_names`.
    """
    said = []
    for key, applications in (
        ("outcome.told", ended.told),
        ("outcome.pending", ended.pending),
        ("outcome.without_address", ended.without_address),
    ):
        shown = tuple(names.get(a, a) for a in applications if a != BUILT_IN_APPLICATION)
        if shown:
            said.append(line(key, names=shown, count=len(shown)))
    last = ended.last_token_expires_at
    if last is not None and last > visit.now:
        said.append(line("outcome.last_token", clock=clock(last, seconds=True)))
    return said


def tell(
    visit: Visit,
    response: Redirect,
    caller: Caller,
    title: Line,
    ended: Ended,
    lines: Callable[[Ended], Sequence[Line]],
) -> None:
    """Let the next page say what an ending did.

    Before the answer goes it waits for a moment for the applications (DESIGN section 7), so that
    the page can say who has been told.

    Args:
        visit: the request.
        response: its answer.
        caller: who will read it; nobody after signing out.
        title: the first sentence.
        ended: what happened.
        lines: the sentences after it, of what is known then.
    """

    async def say_again() -> None:
        by_now = await after_a_moment(visit.house, ended)
        if by_now is not ended:
            flash.put(visit, response, caller, title, *lines(by_now))

    flash.put(visit, response, caller, title, *lines(ended))
    if ended.pending:
        response.afterwards = say_again
