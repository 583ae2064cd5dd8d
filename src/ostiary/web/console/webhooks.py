"""``/console/organizations/…/webhooks``: who is told what happens to sessions."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from litestar import Response, get, post
from litestar.params import FromPath

from ostiary.domain.access import Caller
from ostiary.domain.accounts import BUILT_IN
from ostiary.domain.errors import AlreadyExists, BadInput
from ostiary.domain.webhook import Webhook, WebhookEvent
from ostiary.edge.errors import status_of
from ostiary.edge.house import Visit
from ostiary.services import organizations, webhooks
from ostiary.services.house import Act
from ostiary.services.webhooks import WebhookChange
from ostiary.web import actions, pages
from ostiary.web.console import parts
from ostiary.web.console.fields import Fields, refused, typed
from ostiary.web.console.organizations import address_of as organization_address
from ostiary.web.console.parts import act_of, choices
from ostiary.web.flash import line
from ostiary.web.forms import Form, TheForm, TheVisit

_ALL = "/organizations/{name:str}/webhooks"
_ADD = "/organizations/{name:str}/add-webhook"
_ONE = f"{_ALL}/{{webhook:str}}"
BOXES = {"started": WebhookEvent.SESSION_STARTED, "ended": WebhookEvent.SESSION_ENDED}
"""The boxes of a form, and what they mean."""

_EMPTY = dict.fromkeys(("name", "url", "about", "enabled", *BOXES), "")


def list_address(organization: str) -> str:
    """The page of an organization's webhooks."""
    return f"{organization_address(organization)}/webhooks"


def address_of(organization: str, name: str) -> str:
    """A webhook's page."""
    return f"{list_address(organization)}/{quote(name, safe='')}"


@get(_ALL, sync_to_thread=True)
def webhooks_page(visit: TheVisit, name: FromPath[str]) -> Response[Any]:
    """The webhooks of an organization."""
    act = act_of(visit)
    read = visit.house.database.read
    found = read(organizations.get_organization, act, name)
    return pages.render(
        visit,
        "console/webhooks.html",
        act.caller,
        organization=found,
        found=read(webhooks.list_webhooks, act, name),
        add=f"{organization_address(name)}/add-webhook",
        address_of=address_of,
    )


@get(_ADD, sync_to_thread=True)
def add_page(visit: TheVisit, name: FromPath[str]) -> Response[Any]:
    """A form in which everything is on."""
    act = act_of(visit)
    visit.house.database.read(organizations.get_organization, act, name)
    usual = {**_EMPTY, "enabled": "on", **dict.fromkeys(BOXES, "on")}
    return _add_form(visit, act, name, Fields(values=usual))


@post(_ADD, sync_to_thread=True, status_code=200)
def add_webhook(visit: TheVisit, name: FromPath[str], form: TheForm) -> Response[Any]:
    """Add it. The answer is its page, for once with its secret."""
    act = act_of(visit)
    vault, called = visit.house.vault, form.text("name").strip()
    try:
        made = visit.house.database.write(
            webhooks.add_webhook, act, vault, name, called, _change(form)
        )
    except (BadInput, AlreadyExists) as error:
        shown = refused({**_EMPTY, **typed(form)}, error)
        return _add_form(visit, act, name, shown, status=status_of(error))
    return _page(visit, act, made.webhook, secret=made.secret)


def _add_form(
    visit: Visit, act: Act, organization: str, shown: Fields, *, status: int = 200
) -> Response[Any]:
    return pages.render(
        visit,
        "console/add_webhook.html",
        act.caller,
        status=status,
        form=shown,
        organization=organization,
        action=f"{organization_address(organization)}/add-webhook",
        cancel=list_address(organization),
        organizations=_about(visit, act, organization),
        boxes=BOXES,
    )


def _about(visit: Visit, act: Act, organization: str) -> list[str]:
    """The organizations that a webhook can be about; none: there is no choice."""
    return visit.house.database.read(choices, act) if organization == BUILT_IN else []


def _change(form: Form) -> WebhookChange:
    return WebhookChange(
        url=form.text("url").strip(),
        events=tuple(event.value for box, event in BOXES.items() if form.ticked(box)),
        enabled=form.ticked("enabled"),
        about=form.text("about"),
    )


@get(_ONE, sync_to_thread=True)
def webhook_page(visit: TheVisit, name: FromPath[str], webhook: FromPath[str]) -> Response[Any]:
    """One webhook with its form, and without its secret."""
    act = act_of(visit)
    return _page(visit, act, visit.house.database.read(webhooks.get_webhook, act, name, webhook))


@post(_ONE, sync_to_thread=True, status_code=200)
def edit_webhook(
    visit: TheVisit, name: FromPath[str], webhook: FromPath[str], form: TheForm
) -> Response[Any]:
    """Change it."""
    act = act_of(visit)
    found = visit.house.database.read(webhooks.get_webhook, act, name, webhook)
    try:
        visit.house.database.write(
            webhooks.update_webhook, act, visit.house.vault, name, webhook, _change(form)
        )
    except BadInput as error:
        shown = refused({**_EMPTY, **typed(form)}, error)
        return _page(visit, act, found, shown=shown, status=status_of(error))
    return parts.done(visit, act, address_of(name, webhook), line("console.saved"))


def _page(
    visit: Visit,
    act: Act,
    found: Webhook,
    *,
    secret: str = "",
    shown: Fields | None = None,
    status: int = 200,
) -> Response[Any]:
    until = found.previous_until
    return pages.render(
        visit,
        "console/webhook.html",
        act.caller,
        status=status,
        form=shown or Fields(values=_values(found)),
        webhook=found,
        secret=secret,
        address=address_of(found.organization, found.name),
        organization_address=list_address(found.organization),
        organizations=_about(visit, act, found.organization),
        boxes=BOXES,
        both_until=until if until is not None and until > visit.now else None,
    )


def _values(found: Webhook) -> dict[str, str]:
    return {
        "url": found.url,
        "about": found.about,
        "enabled": "on" if found.enabled else "",
        **{box: "on" if event.value in found.events else "" for box, event in BOXES.items()},
    }


@get(f"{_ONE}/rotate", sync_to_thread=True)
def rotate_page(visit: TheVisit, name: FromPath[str], webhook: FromPath[str]) -> Response[Any]:
    """Say what a new secret does, and ask."""
    return _confirm(visit, name, webhook, "rotate")


@get(f"{_ONE}/delete", sync_to_thread=True)
def delete_page(visit: TheVisit, name: FromPath[str], webhook: FromPath[str]) -> Response[Any]:
    """Say what deleting does, and ask."""
    return _confirm(visit, name, webhook, "delete")


def _confirm(visit: Visit, name: str, webhook: str, what: str) -> Response[Any]:
    act = act_of(visit)
    found = visit.house.database.read(webhooks.get_webhook, act, name, webhook)
    return pages.render(
        visit,
        "console/confirm_webhook.html",
        act.caller,
        webhook=found,
        what=what,
        address=address_of(name, webhook),
    )


@post(f"{_ONE}/rotate", sync_to_thread=True, status_code=200)
def rotate_secret(
    visit: TheVisit, name: FromPath[str], webhook: FromPath[str], form: TheForm
) -> Response[Any]:
    """Make a new secret, and show it this once."""
    asked = form.having(organization=name, webhook=webhook)
    return actions.carry_out(visit, act_of(visit).caller, "console.rotate_webhook", asked)


@actions.action("console.rotate_webhook")
def _rotate_secret(visit: Visit, caller: Caller, form: Form) -> Response[Any]:
    act = visit.act(caller)
    organization, name = form.text("organization"), form.text("webhook")
    made = visit.house.database.write(
        webhooks.rotate_secret, act, visit.house.vault, organization, name
    )
    return _page(visit, act, made.webhook, secret=made.secret)


@post(f"{_ONE}/delete", sync_to_thread=True, status_code=200)
def delete_webhook(
    visit: TheVisit, name: FromPath[str], webhook: FromPath[str], form: TheForm
) -> Response[Any]:
    """Delete it."""
    del form
    act = act_of(visit)
    visit.house.database.write(webhooks.delete_webhook, act, name, webhook)
    title = line("console.webhook.is_deleted", name=webhook)
    return parts.done(visit, act, list_address(name), title)


HANDLERS = (
    webhooks_page,
    add_page,
    add_webhook,
    webhook_page,
    edit_webhook,
    rotate_page,
    rotate_secret,
    delete_page,
    delete_webhook,
)
