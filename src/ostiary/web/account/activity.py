"""What happened to one's account, in words."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, get
from markupsafe import Markup, escape

from ostiary.domain.access import Caller
from ostiary.domain.events import AuditEvent, Event
from ostiary.domain.search import Page
from ostiary.services import events
from ostiary.web import pages
from ostiary.web.forms import TheVisit
from ostiary.web.messages import Translator
from ostiary.web.who import signed_in
from ostiary.web.words import Words

PATH = "/account/activity"
PAGE = 50

_ICONS = {
    Event.SESSION_STARTED: "circle-check",
    Event.SESSION_REAUTHENTICATED: "lock",
    Event.SESSION_ENDED: "logout",
    Event.SESSION_LABELLED: "edit",
    Event.SESSION_REPORTED: "alert-triangle",
    Event.SIGN_IN_FAILED: "ban",
    Event.SIGN_IN_DELAYED: "ban",
    Event.USER_PASSWORD_CHANGED: "key",
}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An event as a row."""

    icon: str
    text: Markup
    line: Markup
    alarming: bool


@get(PATH, sync_to_thread=True)
def activity_page(visit: TheVisit) -> Response[Any]:
    """The newest first."""
    caller = signed_in(visit)
    found: Page[AuditEvent] = visit.house.database.read(
        events.list_events,
        visit.act(caller),
        visit.house.vault,
        organization=caller.organization,
        user=caller.name,
        cursor=visit.request.query_params.get("cursor"),
        limit=PAGE,
    )
    t = pages.translator_of(visit)
    say = Words(t, visit.now)
    return pages.render(
        visit,
        "account/activity.html",
        caller,
        entries=[_entry(t, say, caller, item) for item in found.items],
        previous=_address(found.previous),
        next=_address(found.next),
        kept_seconds=visit.house.policy.retention,
    )


def _entry(t: Translator, say: Words, caller: Caller, item: AuditEvent) -> Entry:
    parts = [say.began(item.at)]
    if item.address:
        parts.append(t("activity.from", address=item.address))
    if item.actor not in {caller.actor, "nobody", "system"}:
        parts.append(_by(t, item.actor))
    return Entry(
        icon=_ICONS.get(item.event, "info-circle"),
        text=_text(t, item),
        line=Markup(" · ").join(parts),
        alarming=item.event in {Event.SIGN_IN_FAILED, Event.SESSION_REPORTED},
    )


def _by(t: Translator, actor: str) -> Markup:
    if actor == "operator":
        return t("activity.by_operator")
    kind, _, name = actor.partition("/")
    return (
        t("activity.by_application", name=name) if kind == "app" else t("activity.by", actor=actor)
    )


def _text(t: Translator, item: AuditEvent) -> Markup:
    """What happened. An event that has no text yet is named as the audit names it."""
    device = item.detail.get("device") or t("device.unknown")
    if item.event is Event.SESSION_ENDED:
        reason = t(f"reason.{item.detail.get('reason', 'revoked')}")
        return t("activity.session_ended", device=device, reason=reason)
    if item.event is Event.SESSION_LABELLED:
        new = item.detail.get("new", "")
        key = "activity.session_labelled" if new else "activity.session_unlabelled"
        return t(key, name=new)
    key = f"activity.{item.event.value.replace('.', '_')}"
    if not t.has(key):
        return escape(item.event.value)
    return t(key, device=device, application=item.application)


def _address(cursor: str | None) -> str:
    return f"{PATH}?{urlencode({'cursor': cursor})}" if cursor else ""
