"""``ostiary users``: add, list, disable, enable, delete, set a password."""

from __future__ import annotations

import click

from ostiary.api.views import user_view
from ostiary.domain.accounts import User
from ostiary.domain.logout import Ended
from ostiary.ops.cli import output, shapes
from ostiary.ops.cli.program import Asked, Work, with_options
from ostiary.ops.cli.types import ACCOUNT, Account, ask_password, password_option
from ostiary.services import passwords, users
from ostiary.services.users import UNSET, UserChange

PAGE = 500

account_argument = click.argument("account", type=ACCOUNT, metavar="ORGANIZATION/NAME")


@click.group("users")
def command() -> None:
    """Users: who can sign in."""


@command.command("add")
@with_options
@account_argument
@click.option("--display-name", help="What people read; the name, if not given.")
@click.option("--email", default="", help="The mail address.")
@click.option("--phone", default="", help="The phone number.")
@click.option("--admin", is_flag=True, help="May administer the organization.")
@password_option
@click.option("--no-password", is_flag=True, help="Nobody can sign in until one is set.")
def add(
    asked: Asked,
    account: Account,
    display_name: str | None,
    email: str,
    phone: str,
    *,
    admin: bool,
    password_stdin: bool,
    no_password: bool,
) -> None:
    """Add a user.

    The password is asked for, unless an option says otherwise.
    """
    if password_stdin and no_password:
        raise click.UsageError("Give --password-stdin or --no-password, not both.")
    change = UserChange(
        display_name=UNSET if display_name is None else display_name,
        email=email,
        phone=phone,
        is_admin=admin,
    )
    with asked.work() as work:
        credential = None
        if not no_password:
            password = ask_password(from_stdin=password_stdin, instead=" or --no-password")
            credential = passwords.prepare(work.house, work.act, *account, password)
        added = work.write(
            users.add_user, work.house.vault, *account, change, credential=credential
        )
    asked.answer(user_view(added), lambda: output.line(f"User {_name(added)} added."))


@command.command("list")
@with_options
@click.option("--organization", help="Of this organization only.")
@click.option("--text", default="", help="Only those whose name or mail address holds this.")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many."
)
@click.option("--all", "everybody", is_flag=True, help="All of them, however many.")
def list_(
    asked: Asked, organization: str | None, text: str, limit: int, *, everybody: bool
) -> None:
    """List users by organization and name."""
    with asked.work() as work:
        found = _users(work, organization, text, None if everybody else limit + 1)
    more = not everybody and len(found) > limit
    found = found if everybody else found[:limit]

    def tell() -> None:
        output.table(
            ("USER", "DISPLAY NAME", "MAIL", "ADMIN", "DISABLED", "LAST SIGN-IN"),
            [
                (
                    _name(item),
                    item.display_name,
                    item.email,
                    item.is_admin or item.is_global_admin,
                    item.disabled,
                    item.last_sign_in_at,
                )
                for item in found
            ],
        )
        if more:
            output.note(f"There are more than {limit:,}; --all shows them.")

    asked.answer({"items": [user_view(item) for item in found], "more": more}, tell)


def _users(work: Work, organization: str | None, text: str, most: int | None) -> list[User]:
    found: list[User] = []
    while most is None or len(found) < most:
        after = (found[-1].organization, found[-1].name) if found else None
        size = PAGE if most is None else min(PAGE, most - len(found))
        page = work.read(users.list_users, organization, text=text, after=after, limit=size)
        found += page
        if len(page) < size:
            break
    return found


@command.command("disable")
@with_options
@account_argument
def disable(asked: Asked, account: Account) -> None:
    """Disable a user and end all sessions at once."""
    with asked.work() as work:
        _change(asked, work, account, UserChange(disabled=True), "disabled")


@command.command("enable")
@with_options
@account_argument
def enable(asked: Asked, account: Account) -> None:
    """Let a disabled user sign in again."""
    with asked.work() as work:
        _change(asked, work, account, UserChange(disabled=False), "enabled")


def _change(asked: Asked, work: Work, account: Account, change: UserChange, done: str) -> None:
    written = work.write(users.update_user, work.house.vault, *account, change)
    ended = work.by_now(written.ended)

    def tell() -> None:
        output.line(f"User {_name(written.user)} {done}.")
        if change.disabled:
            shapes.tell_ended(ended)

    asked.answer(shapes.with_ending(user_view(written.user), ended), tell)


@command.command("delete")
@with_options
@account_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(asked: Asked, account: Account, *, yes: bool) -> None:
    """Delete a user and end all sessions.

    Nothing personal is kept.
    """
    with asked.work() as work:
        found = work.read(users.get_user, *account)
        if not yes:
            click.confirm(
                output.clean(f"Delete {_name(found)}? This cannot be undone."),
                abort=True,
                err=True,
            )
        ended = work.by_now(work.write(users.delete_user, *account))
    _tell_ended(asked, account, ended, "deleted")


@command.command("set-password")
@with_options
@account_argument
@password_option
def set_password(asked: Asked, account: Account, *, password_stdin: bool) -> None:
    """Set a user's password.

    The user's sessions end, unless the organization keeps them.
    """
    with asked.work() as work:
        work.read(users.get_user, *account)
        password = ask_password(from_stdin=password_stdin)
        done = passwords.set_for(work.house, work.act, *account, password)
        ended = work.by_now(done.ended)
    _tell_ended(asked, account, ended, "has a new password")


def _tell_ended(asked: Asked, account: Account, ended: Ended, done: str) -> None:
    def tell() -> None:
        output.line(f"User {'/'.join(account)} {done}.")
        shapes.tell_ended(ended)

    named = {"organization": account.organization, "name": account.name}
    asked.answer(shapes.with_ending(named, ended), tell)


def _name(item: User) -> str:
    return f"{item.organization}/{item.name}"
