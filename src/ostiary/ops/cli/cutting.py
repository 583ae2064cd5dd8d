"""``ostiary sessions end --all``: everything of one organization, user or application, at once."""

from __future__ import annotations

import click

from ostiary.api.cut_offs import cut_off_view
from ostiary.api.views import preview_view
from ostiary.domain.search import SessionFilter
from ostiary.ops.cli import output, shapes
from ostiary.ops.cli.program import Asked, Work
from ostiary.services import cutting, end, retention
from ostiary.services.cutting import CutOff, Subject


def cut_off(asked: Asked, work: Work, chosen: SessionFilter, *, dry_run: bool, yes: bool) -> int:
    """Cut off, then settle what is left behind, beside a server's job or without one."""
    subject, name, organization = _subject(chosen)
    if dry_run or not yes:  # counting a million takes a second, which an emergency has not
        preview = work.read(end.preview_matching, chosen)
        if dry_run:
            asked.answer(preview_view(preview), lambda: shapes.tell_preview(preview))
            return 0
        shapes.confirm(preview)
    begun = work.write(cutting.end_everything, subject, name, organization=organization)
    done = _settle(work, begun)

    def tell() -> None:
        settled = shapes.counted(done.progress.settled, "session")
        output.note(f"Everything of {name} has ended: {settled}.")

    asked.answer(cut_off_view(done), tell)
    return 0


def _subject(chosen: SessionFilter) -> tuple[Subject, str, str]:
    """What is cut off: its kind, its name and, for a user, the organization."""
    organization, user, application = chosen.organization, chosen.user, chosen.application
    if organization and user and chosen == SessionFilter(organization=organization, user=user):
        return Subject.USER, user, organization
    if organization and chosen == SessionFilter(organization=organization):
        return Subject.ORGANIZATION, organization, ""
    if application and chosen == SessionFilter(application=application):
        return Subject.APPLICATION, application, ""
    raise click.UsageError(
        "--all goes with just one of --organization, --user ORGANIZATION/NAME and --application."
    )


def _settle(work: Work, begun: CutOff) -> CutOff:
    """They are dead already: this writes the audit and the notices, and may be interrupted."""
    number, now = begun.progress.id, begun
    try:
        with output.progress("Settling", begun.remaining) as show:
            while now.progress.finished_at is None:
                work.house.database.write(retention.settle_cut_offs, work.house.clock())
                now = work.read(cutting.get_cut_off, number)
                show(now.progress.settled)
    except KeyboardInterrupt:
        output.note("Interrupted. The sessions are dead; the server settles the rest.")
        raise
    return now
