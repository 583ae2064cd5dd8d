"""``/check`` about hosts: whom it believes, what it answers, and whom it redirects."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from ostiary.domain.errors import Unavailable
from ostiary.edge.check_answer import COMMON
from tests.forward_auth.proxied import BY_SCRIPT, NOTES, OSTIARY, PAGE, WIKI, Browser, Town

HOST = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "wiki.example"}


@pytest.fixture(scope="module")
def ann(town: Town) -> Browser:
    """Somebody with a cookie of wiki."""
    made = town.signed_in()
    assert made.arrive(f"{WIKI}/").passed
    return made


def _cookie(browser: Browser, host: str = WIKI) -> dict[str, str]:
    return {"Cookie": f"__Host-ostiary={browser.jar(host)['__Host-ostiary']}"}


def test_without_being_asked_for_a_redirect_it_answers_200_401_or_403(
    town: Town, ann: Browser
) -> None:
    """Covers R04."""
    assert town.ask("/check", {**HOST, **PAGE, **_cookie(ann)}).status_code == 200
    assert town.ask("/check", {**HOST, **PAGE}).status_code == 401
    unknown = {**HOST, "X-Forwarded-Host": "nowhere.example"}
    assert town.ask("/check", {**unknown, **PAGE, **_cookie(ann)}).status_code == 403


def test_an_answer_holds_nothing_but_headers_and_is_kept_by_nobody(
    town: Town, ann: Browser
) -> None:
    """Covers R04, B01. HTTPS is demanded for the host, and for none of its subdomains."""
    for path in ("/check", "/check?redirect=yes"):
        for cookie in ({}, _cookie(ann)):
            answer = town.ask(path, {**HOST, **PAGE, **cookie})
            assert answer.content == b""
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["strict-transport-security"] == "max-age=63072000"
            assert answer.headers["content-length"] == "0"


def test_only_configured_proxies_are_believed(town: Town, ann: Browser) -> None:
    """Covers L20, R04."""
    with capture_logs() as logs:
        for peer in ("203.0.113.7", "11.0.0.1", "testclient"):
            answer = town.ask("/check?redirect=yes", {**HOST, **PAGE, **_cookie(ann)}, peer=peer)
            assert answer.status_code == 302
            assert answer.headers["location"] == f"{OSTIARY}/sign-in"
            answer = town.ask(
                "/check/", {"Host": "wiki.example", **PAGE, **_cookie(ann)}, peer=peer
            )
            assert answer.status_code == 403
            for path in ("start", "callback", "sign-out"):
                assert town.ask(f"/.ostiary/{path}", {**HOST, **PAGE}, peer=peer).status_code == 404
    assert {line["event"] for line in logs} == {"forward_auth.not_trusted"}
    assert {line["host"] for line in logs} == {"wiki.example"}


def test_what_a_client_says_about_itself_is_not_told_to_the_host(town: Town, ann: Browser) -> None:
    """Covers L20."""
    forged = {"X-Ostiary-User": "admin", "Remote-User": "admin", "X-Ostiary-Groups": "root"}
    answer = town.ask("/check", {**HOST, **_cookie(ann), **forged})
    assert answer.headers.get_list("x-ostiary-user") == [ann.name]
    assert answer.headers["x-ostiary-groups"] == ""
    assert "remote-user" not in answer.headers
    refused = town.ask("/check", {**HOST, **forged})
    assert refused.status_code == 401
    assert not any(name.startswith("x-ostiary-") for name in refused.headers)


@pytest.mark.parametrize(
    "named",
    [
        [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Host", "wiki.example")],
        [("X-Forwarded-Host", "evil.example, wiki.example")],
        [("X-Forwarded-Host", "wiki.example/x")],
        [("X-Forwarded-Host", "user@wiki.example")],
        [("X-Forwarded-Host", "wiki.example:8443")],
        [("X-Forwarded-Host", "wiki.example.")],
        [("X-Forwarded-Host", "")],
        [("X-Forwarded-Host", "wiki.example"), ("X-Forwarded-Proto", "http")],
        [("X-Forwarded-Host", "wiki.example"), ("X-Forwarded-Proto", "https,http")],
        [("X-Forwarded-Host", "w" * 400)],
    ],
)
def test_a_host_that_is_not_exactly_a_registered_one_is_refused(
    town: Town, ann: Browser, named: list[tuple[str, str]]
) -> None:
    """Covers R04: and only the operator learns why."""
    for path in ("/check?redirect=yes", "/.ostiary/start?rd=/x"):
        with capture_logs() as logs:
            answer = town.ask(path, [*named, *PAGE.items(), *_cookie(ann).items()])
        assert answer.status_code == 403
        assert answer.content == b""
        [line] = logs
        assert (line["event"], line["why"]) == ("forward_auth.refused", "unknown_host")
        assert line["host"] == ", ".join(v for n, v in named if n == "X-Forwarded-Host")[:100]


def test_a_hosts_name_is_read_in_any_spelling(town: Town, ann: Browser) -> None:
    for named in ("WIKI.Example", "wiki.example:443"):
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": named, **_cookie(ann)}
        assert town.ask("/check", headers).status_code == 200
    # Hosts are named by https, unless the proxy says otherwise.
    assert (
        town.ask("/check", {"X-Forwarded-Host": "wiki.example", **_cookie(ann)}).status_code == 200
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "application/json"},
        {"Accept": "*/*"},
        {},
        BY_SCRIPT,
        {**PAGE, "Sec-Fetch-Mode": "cors"},
        {**PAGE, "Sec-Fetch-Mode": "no-cors"},
        {**PAGE, "Sec-Fetch-Mode": "websocket"},
        {**PAGE, "Sec-Purpose": "prefetch"},
        {**PAGE, "Purpose": "prefetch"},
        {**PAGE, "X-Forwarded-Method": "POST"},
        {**PAGE, "X-Forwarded-Method": "DELETE"},
    ],
)
def test_only_who_waits_for_a_page_is_redirected(town: Town, headers: dict[str, str]) -> None:
    """Covers R04."""
    for path in ("/check?redirect=yes", "/.ostiary/start"):
        answer = town.ask(path, {"Accept": "", **HOST, **headers})
        assert answer.status_code == 401
        assert "location" not in answer.headers
        assert "set-cookie" not in answer.headers
        assert answer.headers["www-authenticate"] == 'Session realm="Ostiary"'


def test_an_old_browser_that_wants_a_page_is_redirected_too(town: Town) -> None:
    for method in ("GET", "HEAD", "get"):
        headers = {**HOST, "Accept": "Text/HTML", "X-Forwarded-Method": method}
        assert town.ask("/check?redirect=yes", headers).status_code == 302
    assert town.ask("/check?redirect=no", {**HOST, **PAGE}).status_code == 401


def test_envoy_asks_by_the_original_path_method_and_host(town: Town, ann: Browser) -> None:
    """Covers R04."""
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"):
        for path in ("/check/", "/check/a//b%2Fc?redirect=yes", "/check/check", "/check/%00"):
            headers = {"Host": "wiki.example", "X-Forwarded-Proto": "https", **_cookie(ann)}
            answer = town.ask(path, headers, method=method)
            assert answer.status_code == 200
            assert answer.headers["x-ostiary-user"] == ann.name
            headers = {"Host": "wiki.example", "X-Forwarded-Proto": "https", **PAGE}
            answer = town.ask(path, headers, method=method)
            assert answer.status_code == 401
    answer = town.ask("/check/", {"Host": "nowhere.example"})
    assert answer.status_code == 403


def test_envoy_gets_redirects_where_it_says_so(town: Town) -> None:
    headers = {"Host": "wiki.example", "X-Ostiary-Redirect": "yes", **PAGE}
    answer = town.ask("/check/a//b%2Fc?rd=/x&y", headers)
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    assert (asked["origin"], asked["rd"]) == ([WIKI], ["/a//b%2Fc?rd=/x&y"])
    assert town.ask("/check/a", headers, method="POST").status_code == 401
    # What the client says about other hosts is not looked at here.
    answer = town.ask("/check/", {**headers, "X-Forwarded-Host": "notes.example"})
    assert parse_qs(urlsplit(answer.headers["location"]).query)["origin"] == [WIKI]


def test_on_our_own_host_our_own_cookie_is_asked_for(town: Town, ann: Browser) -> None:
    secret = {"Cookie": f"__Host-sid={ann.jar(OSTIARY)['__Host-sid']}"}
    own = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "id.example"}
    plain = town.ask("/check", secret)
    proxied = town.ask("/check", {**own, **secret})
    by_path = town.ask("/check/x", {"Host": "id.example", **secret}, method="POST")
    assert plain.status_code == proxied.status_code == by_path.status_code == 200
    assert plain.headers.multi_items() == proxied.headers.multi_items()
    assert plain.headers.multi_items() == by_path.headers.multi_items()
    assert town.ask("/check", {**HOST, **secret}).status_code == 401
    assert town.ask("/check", _cookie(ann)).status_code == 401


def test_on_our_own_host_a_redirect_leads_to_the_sign_in_page(town: Town) -> None:
    """Covers R04: the return address is a path of ours."""
    own = {"X-Forwarded-Host": "id.example", "X-Forwarded-Uri": "/app/page?x=1", **PAGE}
    assert town.ask("/check", PAGE).status_code == 401
    assert town.ask("/check?redirect=yes").status_code == 401
    answer = town.ask("/check?redirect=yes", PAGE)
    assert (answer.status_code, answer.headers["location"]) == (302, f"{OSTIARY}/sign-in")
    answer = town.ask("/check?redirect=yes", own)
    assert answer.headers["location"] == f"{OSTIARY}/sign-in?return_to=%2Fapp%2Fpage%3Fx%3D1"
    assert town.ask("/check?redirect=yes", {**own, "X-Forwarded-Method": "PUT"}).status_code == 401
    answer = town.ask("/check?redirect=yes", own, peer="203.0.113.7")
    assert answer.headers["location"] == f"{OSTIARY}/sign-in"


def test_other_methods_and_paths_are_no_checks(town: Town) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = town.ask("/check", HOST, method=method)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    for path in ("/checks", "/check%2F", "/check%20", "/Check"):
        assert town.ask(path, HOST).status_code == 404
    assert town.ask("/check", HOST, method="HEAD").status_code == 401


def test_what_is_no_secret_is_not_looked_up(town: Town, ann: Browser) -> None:
    right = ann.jar(WIKI)["__Host-ostiary"]
    for value in ("", "x", right[:-1], right + "A", ann.session_id, f'"{right}"', "ü" * 43):
        answer = town.ask("/check", {**HOST, "Cookie": f"__Host-ostiary={value}".encode()})
        assert answer.status_code == 401
    for header in (
        f"ostiary={right}",
        f"__Host-sid={right}",
        f"__Host-ostiary={right}; __Host-ostiary={right[::-1]}",
    ):
        assert town.ask("/check", {**HOST, "Cookie": header}).status_code == 401
    assert town.ask("/check", {**HOST, "Authorization": f"Bearer {right}"}).status_code == 401


def test_a_store_that_cannot_answer_lets_nobody_pass(
    town: Town, ann: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(type(town.database), "look", gone)
    for path, headers in (
        ("/check", {**HOST, **_cookie(ann)}),
        ("/check/", {"Host": "wiki.example", **_cookie(ann)}),
        ("/check?redirect=yes", {**HOST, **PAGE}),
    ):
        answer = town.ask(path, headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert "x-ostiary-user" not in answer.headers


def test_a_host_on_this_machine_does_without_https(town: Town) -> None:
    """Browsers keep no ``__Host-`` cookie there."""
    here = "http://127.0.0.1:8081"
    town.application("acme", "local")
    town.hosts("local", here)
    ann = town.signed_in()
    assert ann.arrive(f"{here}/x").user == ann.name
    assert set(ann.jar(here)) == {"ostiary", "ostiary-nonce"}
    assert ann.open(f"{here}/x", redirect=False).passed
    assert ann.open(f"{NOTES}/", redirect=False).status == 401


def test_no_status_is_answered_at_hosts_that_is_not_listed() -> None:
    assert set(COMMON) == {200, 302, 401, 403, 405, 503}
