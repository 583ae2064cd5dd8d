"""What the commands print: as JSON in the shapes of ``/v1``, and in words."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from ostiary.api.views import ending_view
from ostiary.domain.logout import Ended
from ostiary.ops.cli import output
from ostiary.services.end import Preview


def with_ending(thing: object, outcome: Ended) -> dict[str, Any]:
    """A thing, and what changing it ended."""
    return {**msgspec.to_builtins(thing), "ending": ending_view(outcome)}


def tell_ended(outcome: Ended) -> None:
    """What an ending did, and who is told (DESIGN section 8)."""
    output.line(f"{counted(outcome.count, 'session')} of {counted(outcome.users, 'user')} ended.")
    if outcome.told:
        output.line(f"Told: {', '.join(outcome.told)}.")
    _tell_applications(outcome.pending, outcome.without_address)
    if outcome.last_token_expires_at is not None:
        until = output.shown(outcome.last_token_expires_at)
        output.line(f"The last access token that applications check by themselves: until {until}.")


def tell_preview(preview: Preview) -> None:
    """What an ending would do."""
    output.line(f"Would end {sizes(preview)}.")
    _tell_applications(preview.pending, preview.without_address)


def _tell_applications(pending: tuple[str, ...], without_address: tuple[str, ...]) -> None:
    """Which applications hear of it, and which cannot."""
    if pending:
        output.line(f"Will be told: {', '.join(pending)}.")
    if without_address:
        names = ", ".join(without_address)
        output.line(f"Cannot be told, since they name no logout address: {names}.")


def sizes(preview: Preview) -> str:
    """``1,204 sessions of 311 users``."""
    return f"{counted(preview.sessions, 'session')} of {counted(preview.users, 'user')}"


def counted(number: int, what: str) -> str:
    """``1 session``, ``1,204 sessions``."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def confirm(preview: Preview) -> None:
    """Ask before many sessions end.

    Raises:
        click.Abort: the answer was no.
    """
    told = ""
    if preview.pending:
        told = f" {counted(len(preview.pending), 'application')} will be told."
    click.confirm(f"End {sizes(preview)}?{told}", abort=True, err=True)
