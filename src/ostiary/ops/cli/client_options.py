"""The options that say what an application is as an OAuth client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from ostiary.domain.client import AuthMethod, GrantType, TokenFormat
from ostiary.gateways import signing
from ostiary.ops.cli.types import SECONDS

F = TypeVar("F", bound=Callable[..., Any])

_LISTS: Final = ("grant_types", "scopes", "redirect_uris", "post_logout_redirect_uris")


def client_options(command: F) -> F:
    """Let an application's settings be said; what is left out stays as it is."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _choice(name: str, values: type[GrantType | AuthMethod | TokenFormat]) -> dict[str, Any]:
    return {"metavar": name, "type": click.Choice([value.value for value in values])}


def _several(option: str, field: str, *, metavar: str, text: str) -> Callable[[F], F]:
    said = f"{text}; repeat it for several, and give an empty one for none."
    return click.option(option, field, multiple=True, metavar=metavar, help=said)


_OPTIONS: Final[tuple[Callable[[Any], Any], ...]] = (
    click.option("--display-name", help="What people read."),
    click.option("--client-id", help="What it calls itself at the endpoints."),
    _several(
        "--redirect-uri",
        "redirect_uris",
        metavar="URL",
        text="Where it may send people back to",
    ),
    click.option("--homepage-url", metavar="URL", help="Where it is."),
    click.option("--backchannel-logout-uri", metavar="URL", help="Where it is told of endings."),
    click.option(
        "--exclusive/--no-exclusive",
        default=None,
        help="One session a user: a sign-in ends the others.",
    ),
    click.option(
        "--auth-method",
        "token_endpoint_auth_method",
        help="How it proves who it is; none: it runs in a browser or on a phone.",
        **_choice("METHOD", AuthMethod),
    ),
    click.option(
        "--jwks",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Its public keys (a JSON Web Key Set), for private_key_jwt.",
    ),
    _several("--grant-type", "grant_types", metavar="GRANT", text="How it obtains tokens"),
    _several("--scope", "scopes", metavar="SCOPE", text="What it may ask for"),
    click.option(
        "--pkce-required/--no-pkce-required", default=None, help="Whether its codes are bound."
    ),
    click.option(
        "--consent-required/--no-consent-required",
        default=None,
        help="Whether people are asked what it may know.",
    ),
    click.option(
        "--max-age",
        "default_max_age",
        type=SECONDS,
        help="Ask for the password again when it was entered longer ago.",
    ),
    click.option(
        "--access-token-format",
        help="Readable, or a reference that only the server knows.",
        **_choice("FORMAT", TokenFormat),
    ),
    click.option("--access-token-lifetime", type=SECONDS, help="How long an access token lasts."),
    click.option(
        "--refresh-token-idle", type=SECONDS, help="How long a refresh token may lie unused."
    ),
    click.option(
        "--refresh-token-absolute", type=SECONDS, help="How long renewing goes on after a sign-in."
    ),
    click.option(
        "--id-token-alg",
        type=click.Choice(signing.ALGORITHMS),
        metavar="ALG",
        help="What its tokens are signed with.",
    ),
    _several(
        "--post-logout-redirect-uri",
        "post_logout_redirect_uris",
        metavar="URL",
        text="Where it may send people after signing them out",
    ),
    click.option(
        "--frontchannel-logout-uri", metavar="URL", help="What browsers load that sign out."
    ),
)


def chosen(options: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, as `ApplicationChange` takes it; options that are not ours are left out."""
    said: dict[str, Any] = {}
    for name, value in options.items():
        if value is None or (name in _LISTS and not value):
            continue
        if name in _LISTS:
            said[name] = tuple(item for item in value if item)
        elif isinstance(value, Path):
            said[name] = value.read_text("utf-8")
        else:
            said[name] = value
    return said
