"""The password is asked for again when the last time is too long ago (DESIGN section 6)."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from ostiary.domain.access import OPERATOR
from ostiary.domain.errors import Unavailable
from ostiary.domain.secrets import digest
from ostiary.domain.session import EndReason
from ostiary.services import end, passwords
from ostiary.services.ending import end_sessions
from ostiary.storage import sessions
from tests.support.installation import PASSWORD, Installation
from tests.web.reading import Reader, set_cookies

People = Callable[..., Reader]


def later(installation: Installation, reader: Reader) -> None:
    """Twenty minutes in which the session is used."""
    for _ in range(2):
        installation.clock.forward(minutes=10)
        reader.open("/account")


def ask_to_end(ostiary: Installation, ann: Reader) -> str:
    """Ann signs in, waits, and wants to end another session; she is asked for her password."""
    ann.sign_in("acme", "ann", application="wiki", remember="yes")
    other = ostiary.start_session("acme", "ann", application="tickets", remember=True)
    later(ostiary, ann)
    address = f"/account/sessions/{other.session.id}/end"
    ann.open(address)
    page = ann.send(address)
    assert page.response.status_code == 403
    assert "Enter your password again" in page.text
    return other.session.id


def is_live(ostiary: Installation, session_id: str) -> bool:
    return ostiary.read(sessions.by_id, session_id).ended_at is None


def test_the_action_goes_on_after_the_password(anywhere: Installation, people: People) -> None:
    """Covers A07, A16, E04, F04, G05, W7."""
    ann = people(anywhere)
    other = ask_to_end(anywhere, ann)
    assert is_live(anywhere, other)
    before, device = ann.cookie("sid"), ann.cookie("device")
    own = anywhere.read(sessions.by_secret, digest_of(before))
    page = ann.send("/reauthenticate", follow=False, password=PASSWORD)
    assert page.response.status_code == 303
    assert f"max-age={30 * 86_400}" in set_cookies(page.response)["sid"]
    assert not is_live(anywhere, other)
    page = ann.open("/account")
    assert "Ended “Firefox on Linux”." in page.text
    assert ann.cookie("sid") != before
    assert ann.cookie("device") == device
    now = anywhere.read(sessions.by_id, own.id)
    assert (now.id, now.remembered, now.application) == (own.id, True, "wiki")
    assert now.authenticated_at == anywhere.clock.now > own.authenticated_at
    assert now.created_at == own.created_at
    old = people(anywhere)
    old.set_cookie("sid", before or "")
    old.open("/account")
    assert old.path.startswith("/sign-in")


def digest_of(secret: str | None) -> bytes:
    return digest(secret or "")


def test_a_fresh_sign_in_is_not_asked_again(ostiary: Installation, people: People) -> None:
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    other = ostiary.start_session("acme", "ann")
    ostiary.clock.forward(minutes=14)
    address = f"/account/sessions/{other.session.id}/end"
    ann.open(address)
    assert "Ended" in ann.send(address).text


@pytest.mark.parametrize("action", ["end-others", "not-me"])
def test_the_other_endings_ask_too(ostiary: Installation, people: People, action: str) -> None:
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    other = ostiary.start_session("acme", "ann")
    later(ostiary, ann)
    address = (
        "/account/end-others"
        if action == "end-others"
        else f"/account/sessions/{other.session.id}/not-me"
    )
    ann.open(address)
    ann.send(address)
    assert is_live(ostiary, other.session.id)
    page = ann.send("/reauthenticate", password=PASSWORD)
    assert "Ended" in page.text
    assert not is_live(ostiary, other.session.id)


def test_a_wrong_password_does_nothing_and_is_counted(
    ostiary: Installation, people: People
) -> None:
    """Covers C01, C08: the same delays as at sign-in."""
    ann = people(ostiary)
    other = ask_to_end(ostiary, ann)
    page = ann.page
    for _ in range(8):
        page = ann.send("/reauthenticate", password="wrong")
        assert is_live(ostiary, other)
        if page.response.status_code == 429:
            break
        assert page.response.status_code == 401
        assert "Name or password is incorrect." in page.text
    assert page.response.status_code == 429
    assert int(page.response.headers["retry-after"]) >= 1
    assert "Wait" in page.text
    ostiary.clock.forward(seconds=int(page.response.headers["retry-after"]))
    ann.send("/reauthenticate", password=PASSWORD)
    assert not is_live(ostiary, other)


def test_a_continuation_is_of_one_session_and_of_ten_minutes(
    ostiary: Installation, people: People
) -> None:
    ann, bob = people(ostiary), people(ostiary)
    other = ask_to_end(ostiary, ann)
    stolen = ann.page.form("/reauthenticate").fields["then"]
    token = bob.sign_in("acme", "bob").form("/sign-out").fields
    for then in (stolen, stolen[:-4] + "AAAA", "", "nonsense", "é"):
        answer = bob.browser.post(
            "/reauthenticate", data=token | {"then": then, "password": PASSWORD}
        )
        assert answer.status_code == 403
    ostiary.clock.now += timedelta(minutes=11)
    page = ann.send("/reauthenticate", password=PASSWORD)
    assert page.response.status_code == 403
    assert "out of date" in page.text
    assert is_live(ostiary, other)


def test_what_became_impossible_meanwhile_is_said_and_the_new_secret_kept(
    ostiary: Installation, people: People
) -> None:
    ann = people(ostiary)
    other = ask_to_end(ostiary, ann)
    ostiary.write(end_sessions, ostiary.act(OPERATOR), [other], EndReason.REVOKED)
    page = ann.send("/reauthenticate", password=PASSWORD)
    assert ann.path == "/account"
    assert "That session has ended already." in page.text


def test_a_failure_after_the_password_is_said_and_the_new_secret_kept(
    ostiary: Installation, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = people(ostiary)
    ask_to_end(ostiary, ann)
    before = ann.cookie("sid")

    def fail(*_: object) -> None:
        raise Unavailable("disk full")

    monkeypatch.setattr(end, "end_mine", fail)
    page = ann.send("/reauthenticate", password=PASSWORD)
    assert ann.path == "/account"
    assert "Your password was right, but then it did not work." in page.text
    assert "The server cannot reach its data at the moment." in page.text
    assert ann.cookie("sid") != before


def test_a_session_that_ended_meanwhile_is_not_replaced(
    ostiary: Installation, people: People
) -> None:
    """Covers W12: the password is right, but there is nothing to renew."""
    ann = people(ostiary)
    other = ask_to_end(ostiary, ann)
    own = ostiary.read(sessions.by_secret, digest_of(ann.cookie("sid")))
    before = ostiary.read(sessions.live_of_user, own.organization_key, own.user_key, own.created_at)
    ostiary.write(end_sessions, ostiary.act(OPERATOR), [own.id], EndReason.REVOKED)
    ann.send("/reauthenticate", password=PASSWORD)
    assert ann.path == "/sign-in/acme"
    assert is_live(ostiary, other)
    now = ostiary.clock.now
    after = ostiary.read(sessions.live_of_user, own.organization_key, own.user_key, now)
    assert len(after) == len(before) - 1


def test_a_password_that_somebody_else_set_meanwhile_has_to_be_changed_first(
    ostiary: Installation, people: People
) -> None:
    """Covers W23."""
    ann = people(ostiary)
    other = ask_to_end(ostiary, ann)
    ostiary.write(passwords.demand_change, ostiary.act(OPERATOR), "acme", "ann")
    page = ann.send("/reauthenticate", password=PASSWORD)
    assert ann.path == "/sign-in/acme"
    assert "Sign in with it and choose one of your own." in page.text
    assert is_live(ostiary, other)


def test_the_page_asks_nothing_by_itself(ostiary: Installation, people: People) -> None:
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    ann.open("/reauthenticate")
    assert ann.path == "/account"


def test_htmx_gets_the_question_as_a_dialog(ostiary: Installation, people: People) -> None:
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    other = ostiary.start_session("acme", "ann")
    later(ostiary, ann)
    address = f"/account/sessions/{other.session.id}/end"
    fields = ann.open(address).form(address).fields
    answer = ann.browser.post(address, data=fields, headers={"HX-Request": "true"})
    assert answer.headers["hx-retarget"] == "#dialog"
    assert 'id="confirm"' in answer.text
    assert is_live(ostiary, other.session.id)
