"""What of a user may be changed by whom: herself, an administrator, nobody (contract 4.1)."""

from __future__ import annotations

from collections.abc import Mapping

from ostiary.domain.access import Caller
from ostiary.domain.accounts import BUILT_IN, OWN_EXTRA, User
from ostiary.domain.errors import NotAllowed, Protected

BUILT_IN_ADMIN = "admin"

_DECISIVE = ("name", "email", "phone", "is_admin", "disabled")
_NOTHING = object()
"""Stands for a field that is not there, which is not the same as null."""


def decisive(old: User, wanted: Mapping[str, object]) -> list[str]:
    """The fields that change and decide who she is, how she is reached and what she may.

    Args:
        old: the user as she is.
        wanted: the new values of some fields.
    """
    return [f for f in _DECISIVE if f in wanted and wanted[f] != getattr(old, f)]


def refuse_own(
    old: User,
    wanted: Mapping[str, object],
    *,
    kept: Mapping[str, object],
    extra: Mapping[str, object],
) -> None:
    """Refuse what users may not change of themselves (ASVS 7.5.1).

    Of the fields that are only kept, groups, roles and the like decide elsewhere what she may do.

    Args:
        old: the user as she is.
        wanted: the new values of some fields.
        kept: her further fields as they are.
        extra: her further fields as she wants them.

    Raises:
        NotAllowed: names the first field.
    """
    changed = decisive(old, wanted) + [
        name
        for name in sorted({*kept, *extra} - OWN_EXTRA)
        if kept.get(name, _NOTHING) != extra.get(name, _NOTHING)
    ]
    if changed:
        raise NotAllowed(f"Only an administrator can change {changed[0]}.")


def protect(caller: Caller, old: User, new: User) -> None:
    """Let nobody lock the last way in.

    Raises:
        Protected: the built-in administrator would be renamed or disabled, or the caller disabled.
    """
    if is_built_in(old) and (new.name != old.name or new.disabled):
        raise Protected("The built-in administrator cannot be renamed or disabled.")
    if new.disabled and caller.user_key == old.key:
        raise Protected("You cannot disable your own account.")


def is_built_in(item: User) -> bool:
    """Whether this is the administrator whom the first start makes."""
    return (item.organization, item.name) == (BUILT_IN, BUILT_IN_ADMIN)
