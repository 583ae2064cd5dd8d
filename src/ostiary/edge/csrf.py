"""Two proofs that a state-changing request comes from our own pages.

*Origin*: what the browser itself says, by ``Sec-Fetch-Site``, else ``Origin``, else ``Referer``
(contract W19, REQUIREMENTS E09). It binds every request that carries a session's cookie, whatever
its content type. *Form token*: a value in the form that another site cannot know (E10, F08), bound
to the session, or before sign-in to a cookie of its own.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ostiary.domain.errors import CrossSite
from ostiary.edge.house import Visit

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FIELD = "form_token"


def changes_state(visit: Visit) -> bool:
    """Whether the request's method may change anything (RFC 9110, 9.2.1)."""
    return visit.request.method not in _SAFE


def require_own_origin(visit: Visit, *, proof_needed: bool, origin: str = "") -> None:
    """Refuse a state-changing request that another site caused.

    Args:
        visit: the request.
        proof_needed: whether the absence of all three headers is refused too, as it is whenever a
            session's cookie came along; programs without cookies send none of them.
        origin: that of the pages; empty: ours.

    Raises:
        CrossSite: so it is.
    """
    if not changes_state(visit):
        return
    own = _says_own_origin(visit, origin or visit.front.origin)
    if own is False or (own is None and proof_needed):
        raise CrossSite(detail=_evidence(visit))


def _says_own_origin(visit: Visit, own: str) -> bool | None:
    headers = visit.request.headers
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    if origin is not None:
        return origin.lower() == own
    referer = headers.get("referer")
    if referer is None:
        return None
    parts = urlsplit(referer)
    return f"{parts.scheme}://{parts.netloc}".lower() == own


def _evidence(visit: Visit) -> str:
    headers = visit.request.headers
    names = ("sec-fetch-site", "origin", "referer")
    return ", ".join(f"{name}: {headers.get(name, '-')[:100]}" for name in names)


def form_token(visit: Visit, *, session: str = "", form: str = "") -> str:
    """What a form carries: bound to the session's secret, or else to the form cookie."""
    return visit.house.vault.mac("form", f"{session or form}".encode())


def require_form_token(visit: Visit, presented: str) -> None:
    """Refuse a form that this browser did not get from us.

    Raises:
        CrossSite: the token is missing, wrong, or of another session.
    """
    bound = [value for value in (visit.cookies.session, visit.cookies.form) if value]
    check = visit.house.vault.check_mac
    if not any(check("form", value.encode(), presented) for value in bound):
        raise CrossSite(detail="the form's token is missing or of another session")
