"""Forward authentication: proxies ask at ``/check`` whether a request may pass.

Hosts that they guard get a cookie of their own: the browser begins at the host's ``/.ostiary/``,
which its proxy hands to us, comes to us, and goes back with a one-time code.
"""

from __future__ import annotations

from litestar import Router

from ostiary.forward_auth import at_host, check, hand_off


def routers() -> list[Router]:
    """The routes of this front. What people see when something is wrong are `ostiary.web`'s."""
    handlers = [
        check.check,
        at_host.start,
        at_host.callback,
        at_host.sign_out,
        at_host.sign_out_now,
        hand_off.hand_off,
    ]
    return [Router("/", route_handlers=handlers, include_in_schema=False)]
