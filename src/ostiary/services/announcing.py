"""What starts and endings owe to webhooks and to the Casdoor wire's notification.

Written in the transaction that starts or ends, so that neither is ever without the other; sent
later, by `ostiary.services.deliver`. What a message says is fixed here, at the moment that it tells
of, and forgotten when it has been delivered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ostiary.domain.accounts import User
from ostiary.domain.notice import NoticeKind
from ostiary.domain.session import EndReason, Session
from ostiary.domain.sso_logout import Listener
from ostiary.domain.webhook import Webhook, WebhookEvent
from ostiary.gateways.entropy import new_public_id
from ostiary.storage import logout_listeners, outbox, tokens, users, webhooks
from ostiary.storage.client_sessions import ClientSession
from ostiary.storage.database import Transaction
from ostiary.storage.outbox import Owed


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What an SSO-logout notification tells, besides what its row does: see contract 3.9."""

    listener: Listener
    user: str
    user_id: str
    session_ids: tuple[str, ...]
    token_hashes: tuple[str, ...]


def session_started(
    tx: Transaction, session: Session, user: User, *, known_device: bool, now: datetime
) -> None:
    """Owe what a sign-in owes: ``session.started``."""
    found = webhooks.listening(tx, WebhookEvent.SESSION_STARTED, {session.organization})
    if not found:
        return
    data = _about(session, user.id) | {"known_device": known_device}
    body = _body(WebhookEvent.SESSION_STARTED, data, now)
    outbox.owe(tx, [_to_webhook(hook, session, body) for hook in found], now)


def sessions_ended(
    tx: Transaction,
    ended: Sequence[Session],
    used: Sequence[ClientSession],
    *,
    reason: EndReason,
    by: str,
    now: datetime,
) -> None:
    """Owe what endings owe, whatever ended the sessions: ``session.ended``, and notifications.

    Args:
        tx: the transaction that ends them.
        ended: the sessions.
        used: the applications that they were used in.
        reason: why.
        by: whoever did it, as the audit names them.
        now: the instant.
    """
    hooks = webhooks.listening(
        tx, WebhookEvent.SESSION_ENDED, {session.organization for session in ended}
    )
    listeners = logout_listeners.of(tx, {client.application_key for client in used})
    if not hooks and not listeners:
        return
    subjects = users.subjects(tx, {session.user_key for session in ended})
    names = _by_session(used)
    items: list[Owed] = []
    for session in ended:
        told = [hook for hook in hooks if hook.about in {"", session.organization}]
        if told:
            data = _about(session, subjects.get(session.user_key, "")) | {
                "applications": sorted(names.get(session.id, ())),
                "reason": reason.value,
                "by": by,
            }
            body = _body(WebhookEvent.SESSION_ENDED, data, now)
            items += [_to_webhook(hook, session, body, reason.value) for hook in told]
    items += _notifications(tx, ended, used, listeners, subjects, reason=reason, now=now)
    outbox.owe(tx, items, now)


def _by_session(used: Iterable[ClientSession]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for client in used:
        found.setdefault(client.session_id, []).append(client.application)
    return found


def _about(session: Session, subject: str) -> dict[str, Any]:
    device = session.device
    return {
        "session": session.id,
        "organization": session.organization,
        "user": session.user,
        "user_id": subject,
        "application": session.application,
        "created_at": session.created_at,
        "address": device.address,
        "device": device.name,
        "device_kind": device.kind,
        "country": device.country,
        "city": device.city,
        "amr": session.amr,
    }


def _body(event: WebhookEvent, data: dict[str, Any], now: datetime) -> str:
    return msgspec.json.encode({"type": event.value, "timestamp": now, "data": data}).decode()


def _to_webhook(hook: Webhook, session: Session, body: str, reason: str = "") -> Owed:
    """One message, which is seen by those who administer the webhook.

    A name is kept with it only where that name means a user of theirs.
    """
    own = hook.organization == session.organization
    return Owed(
        kind=NoticeKind.WEBHOOK,
        organization=hook.organization,
        user=session.user if own else "",
        session_id=session.id,
        sid=new_public_id(),
        target=hook.url,
        reason=reason,
        detail=body,
        webhook_key=hook.key,
    )


def _notifications(
    tx: Transaction,
    ended: Sequence[Session],
    used: Sequence[ClientSession],
    listeners: dict[int, list[Listener]],
    subjects: dict[int, str],
    *,
    reason: EndReason,
    now: datetime,
) -> list[Owed]:
    """One for each session and each place where an application that it was used in listens."""
    if not listeners:
        return []
    about = {session.id: session for session in ended}
    concerned = [client for client in used if client.application_key in listeners]
    hashes = tokens.access_hashes(tx, sorted({c.session_id for c in concerned}), now)
    return [
        Owed(
            kind=NoticeKind.SSO_LOGOUT,
            organization=client.organization,
            user=client.user,
            session_id=client.session_id,
            target=listener.url,
            reason=reason.value,
            detail=msgspec.json.encode(
                Told(
                    listener=listener,
                    user=about[client.session_id].user,
                    user_id=subjects.get(client.user_key, ""),
                    session_ids=(client.session_id,),
                    token_hashes=tuple(h.hex() for h in hashes.get(client.session_id, ())),
                )
            ).decode(),
            application_key=client.application_key,
        )
        for client in concerned
        for listener in listeners[client.application_key]
    ]
