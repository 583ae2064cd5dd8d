"""The one-time set-up link: whoever holds it chooses the first administrator."""

from __future__ import annotations

from urllib.parse import quote

PATH = "/set-up"


def setup_address(public_url: str, secret: str) -> str:
    """The link that the first start prints.

    The secret is in the query, which the request log leaves out, and not in the path.
    """
    return f"{public_url}{PATH}?link={quote(secret)}"
