"""Every route of the pages, found in the application itself, so that none is forgotten."""

from litestar.handlers import HTTPRouteHandler

from tests.support.installation import Installation


def page_routes(installation: Installation, method: str) -> list[tuple[str, HTTPRouteHandler]]:
    """Paths and handlers of the pages that answer this method."""
    found = {}
    for route in installation.app.routes:
        for handler in getattr(route, "route_handlers", []):
            function = getattr(handler.fn, "func", handler.fn)  # what a thread runs
            ours = function.__module__.startswith("ostiary.web.")
            if ours and method in handler.http_methods and function.__name__ != "serve":
                found[route.path] = handler
    return sorted(found.items())


def filled(path: str, **values: str) -> str:
    """A path with its parameters filled in."""
    parts = []
    for part in path.split("/"):
        if part.startswith("{"):
            name = part.strip("{}").partition(":")[0]
            parts.append(values.get(name, "1"))
        else:
            parts.append(part)
    return "/".join(parts)
