"""Where an application wants the SSO-logout notification (contract 3.9), as the wire says it.

An entry of an application's ``providers`` whose ``provider`` has the category ``Notification`` and
the type ``Custom HTTP``: ``receiver`` is the address, ``method`` how, ``title`` the parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostiary.casdoor.fields import UNSET, Fields, Unset
from ostiary.domain.errors import BadInput
from ostiary.domain.sso_logout import USUAL_PARAMETER, Listener

_METHODS = ("POST", "GET")
_LONGEST_PARAMETER = 100


def listeners_of(fields: Fields, kept: Mapping[str, Any]) -> list[Listener] | Unset:
    """The listeners that a body asks for; unset: it says nothing of providers.

    Args:
        fields: the body.
        kept: what will be kept of the application besides, the providers among it.

    Raises:
        BadInput: a method or parameter cannot be used.
    """
    if not fields.touches("providers"):
        return UNSET
    found = kept.get("providers")
    entries = found if isinstance(found, list) else []
    providers = [entry.get("provider") for entry in entries if isinstance(entry, dict)]
    return [_listener(p) for p in providers if isinstance(p, dict) and _is_meant(p)]


def _is_meant(provider: Mapping[str, Any]) -> bool:
    kind = (provider.get("category"), provider.get("type"))
    return kind == ("Notification", "Custom HTTP") and bool(provider.get("receiver"))


def _listener(provider: Mapping[str, Any]) -> Listener:
    url = provider.get("receiver")
    method = provider.get("method") or _METHODS[0]
    parameter = provider.get("title") or USUAL_PARAMETER
    if not isinstance(url, str) or method not in _METHODS:
        raise BadInput("providers", "A Custom HTTP notification has a receiver, by POST or GET.")
    if not isinstance(parameter, str) or len(parameter) > _LONGEST_PARAMETER:
        raise BadInput("providers", "The title of a notification is the name of its parameter.")
    return Listener(url=url, method=method, parameter=parameter)
