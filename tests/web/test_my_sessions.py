"""*My sessions*: seeing, naming and ending where one is signed in."""

from collections.abc import Callable

import pytest
from sqlalchemy import event

from ostiary.domain.access import Caller, Kind
from ostiary.domain.events import Event
from ostiary.domain.session import Device
from ostiary.services import events, passwords
from ostiary.web.account import activity
from ostiary.web.account import sessions as own_sessions
from ostiary.web.messages import translator
from tests.support.installation import CHROME, PASSWORD, Installation
from tests.web.reading import Reader, caller_of

People = Callable[..., Reader]

PHONE = Device(
    kind="phone",
    browser="Chrome",
    os="Android",
    address="198.51.100.4",
    city="São Paulo",
    country="BR",
)


def end_of(session_id: str) -> str:
    return f"/account/sessions/{session_id}/end"


def test_one_ends_another_device_and_reads_what_happened(
    anywhere: Installation, people: People
) -> None:
    """Covers A16, W11."""
    laptop, desktop = people(anywhere), people(anywhere, CHROME)
    laptop.sign_in("acme", "ann", application="wiki")
    desktop.sign_in("acme", "ann", application="tickets")
    page = laptop.open("/account")
    assert "2 sessions on 2 devices" in page.text
    assert "Chrome on Windows" in page.text
    ends = [link for label, link in page.links.items() if label == "End"]
    assert len(ends) == 1
    page = laptop.open(ends[0])
    assert page.title.startswith("End “Chrome on Windows”?")
    assert "Signed out with it: Tickets." in page.text
    page = laptop.send(ends[0])
    assert laptop.path == "/account"
    assert "Ended “Chrome on Windows”." in page.text
    assert "Tickets cannot be told, since it names no logout address" in page.text
    assert "1 session on 1 device" in page.text
    assert "You are signed in nowhere else." in page.text
    assert "Ended" not in laptop.open("/account").text.replace("Ended sessions", "")
    page = desktop.open("/account")
    assert desktop.path == "/sign-in/acme"
    assert "This session was ended" in page.text


def test_the_applications_that_are_told_are_named(ostiary: Installation, people: People) -> None:
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    other = ostiary.start_session("acme", "ann", application="wiki")
    ann.open(end_of(other.session.id))
    assert "Wiki is being told." in ann.send(end_of(other.session.id)).text


def test_a_row_reads_as_a_person_would_say_it(ostiary: Installation, people: People) -> None:
    phone = ostiary.start_session("acme", "ann", device=PHONE, remember=True, application="wiki")
    ostiary.clock.forward(days=3)
    ann = people(ostiary)
    page = ann.sign_in("acme", "ann")
    assert (
        "Chrome on Android Last seen 3 days ago · São Paulo, Brazil "
        "Signed in 3 days ago with password, kept signed in · "
        "ends after 14 days without use or on 24 December at 09:00 UTC Wiki" in page.text
    )
    assert (
        "Firefox on Linux Active now Signed in today at 09:00 UTC with password · "
        "ends after 1 hour without use or tomorrow at 09:00 UTC This device" in page.text
    )
    exact = page.with_attributes(datetime="2026-11-24T09:00:00Z")
    assert {element["title"] for element in exact} == {"24 November 2026, 09:00:00 UTC"}
    assert phone.session.id in page.response.text


def test_the_session_in_use_is_marked_and_cannot_be_ended_there(
    ostiary: Installation, people: People
) -> None:
    """Covers A13."""
    ann = people(ostiary)
    page = ann.sign_in("acme", "ann")
    assert "This device" in page.text
    assert "End" not in page.links
    own = page.with_attributes(**{"class": "list-group-item device-row"})[0]["id"]
    own = own.removeprefix("session-")
    page = ann.open(end_of(own))
    assert page.response.status_code == 409
    assert "Sign out instead." in page.text
    token = ann.open("/account").form("/sign-out").fields
    answer = ann.browser.post(end_of(own), data=token)
    assert answer.status_code == 409
    ann.open("/account")
    assert ann.path == "/account"


def test_all_others_end_with_one_button(anywhere: Installation, people: People) -> None:
    """Covers A12, A16."""
    ann = people(anywhere)
    ann.sign_in("acme", "ann")
    others = [anywhere.start_session("acme", "ann", application=a) for a in ("wiki", "tickets")]
    bystander = people(anywhere)
    bystander.sign_in("acme", "bob")
    page = ann.open("/account")
    page = ann.open(page.links["End all others"])
    assert "2 other sessions stop working at once" in page.text
    page = ann.send("/account/end-others")
    assert "Ended 2 other sessions." in page.text
    assert "Wiki is being told." in page.text
    assert "Tickets cannot be told" in page.text
    for other in others:
        reader = people(anywhere)
        reader.set_cookie("sid", other.secret)
        reader.open("/account")
        assert reader.path.startswith("/sign-in")
    bystander.open("/account")
    assert bystander.path == "/account"


def test_ending_all_others_when_there_are_none(ostiary: Installation, people: People) -> None:
    ann = people(ostiary)
    page = ann.sign_in("acme", "ann")
    assert "End all others" not in page.links
    page = ann.open("/account/end-others")
    assert "there is nothing to end" in page.text


def test_this_was_not_me(anywhere: Installation, people: People) -> None:
    """Ends it, tells the administrators by an event, and asks for a new password."""
    ann = people(anywhere)
    ann.sign_in("acme", "ann")
    thief = anywhere.start_session("acme", "ann", device=PHONE)
    page = ann.open("/account")
    address = page.links["This wasn\N{RIGHT SINGLE QUOTATION MARK}t me"]
    page = ann.open(address)
    assert page.title.startswith("“Chrome on Android” wasn")
    page = ann.send(address)
    assert ann.path == "/account/security"
    assert "Ended “Chrome on Android”." in page.text
    assert "Now choose a new password" in page.text
    assert "new_password" in page.form("/account/security").fields
    found = anywhere.read(
        events.list_events, anywhere.act(), anywhere.house.vault, event="session.reported"
    )
    (reported,) = found.items
    assert reported.event is Event.SESSION_REPORTED
    assert (reported.actor, reported.session_id) == ("acme/ann", thief.session.id)
    assert reported.detail["address"] == "198.51.100.4"


def test_a_session_gets_a_name_of_ones_own(ostiary: Installation, people: People) -> None:
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    phone = ostiary.start_session("acme", "ann", device=PHONE)
    address = f"/account/sessions/{phone.session.id}/name"
    ann.open(address)
    page = ann.send(address, name="  Work phone ")
    assert "It is called “Work phone” now." in page.text
    assert "Work phone Chrome on Android · active now · São Paulo, Brazil" in page.text
    ann.open(address)
    assert ann.page.form(address).fields["name"] == "Work phone"
    page = ann.send(address, name="x" * 61)
    assert page.response.status_code == 400
    assert "must not be longer than 60 characters" in page.text
    page = ann.send(address, name="")
    assert "Work phone" not in ann.open("/account").text


@pytest.mark.parametrize("verb", ["end", "not-me", "name"])
def test_nobody_elses_session_can_be_touched_here(
    ostiary: Installation, people: People, verb: str
) -> None:
    """Covers R07, W1, W2: not even by a global administrator, who has the console for that."""
    bob = ostiary.start_session("acme", "bob")
    for organization, name in (("acme", "ann"), ("globex", "zoe"), ("built-in", "admin")):
        reader = people(ostiary)
        page = reader.sign_in(organization, name)
        address = f"/account/sessions/{bob.session.id}/{verb}"
        token = page.form("/sign-out").fields
        assert reader.open(address).response.status_code == 404
        answer = reader.browser.post(address, data=token | {"name": "mine"})
        assert answer.status_code == 404
    hers = people(ostiary)
    hers.set_cookie("sid", bob.secret)
    hers.open("/account")
    assert hers.path == "/account"
    assert "mine" not in hers.page.text


@pytest.mark.parametrize("session_id", ["0" * 32, "nothing", "..%2f..", "%00", "x" * 500])
def test_ids_that_name_nothing_are_not_found(
    ostiary: Installation, people: People, session_id: str
) -> None:
    """Covers W3."""
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    assert ann.open(end_of(session_id), Accept="text/html").response.status_code == 404


def test_what_has_ended_already_is_said_so(ostiary: Installation, people: People) -> None:
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    other = ostiary.start_session("acme", "ann")
    address = end_of(other.session.id)
    ann.open(address)
    ann.send(address)
    page = ann.open(address)
    assert ann.path == "/account"
    assert "That session has ended already." in page.text


def test_hostile_agents_labels_and_names_are_inert(ostiary: Installation, people: People) -> None:
    """Covers B02."""
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"
    ostiary.user("acme", "<b>eve", password=PASSWORD, display_name=evil)
    ostiary.application("acme", "evil", display_name=evil)
    eve = people(ostiary, evil)
    eve.sign_in("acme", "<b>eve")
    device = Device(kind="desktop", browser=evil, os=evil, city=evil, country="<i>")
    other = ostiary.start_session("acme", "<b>eve", device=device, application="evil")
    eve.open(f"/account/sessions/{other.session.id}/name")
    eve.send(f"/account/sessions/{other.session.id}/name", name=evil[:60])
    pages = [eve.page, eve.open("/account"), eve.open("/account/activity")]
    pages.append(eve.open(end_of(other.session.id)))
    pages.append(eve.send(end_of(other.session.id)))
    pages.append(eve.open("/sign-in/acme/evil"))
    for page in pages:
        assert page.response.status_code == 200
        assert "<script>alert" not in page.response.text
        assert "<img src=x" not in page.response.text
        assert "<b>eve" not in page.response.text
        assert "49" not in page.text or "{{7*7}}" in page.text
        scripts = [a for tag, a in page.elements if tag == "script"]
        assert all(a["src"].startswith("/static/") for a in scripts)
        assert not any(k.startswith("on") or k == "style" for _, a in page.elements for k in a)


def test_many_sessions_come_in_pages(
    ostiary: Installation, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert own_sessions.PAGE == 100
    monkeypatch.setattr(own_sessions, "PAGE", 10)
    ann = people(ostiary)
    for _ in range(14):
        ostiary.start_session("acme", "ann", application="wiki")
    ostiary.clock.forward(minutes=1)
    page = ann.sign_in("acme", "ann")
    assert "15 sessions. Anything" in page.text
    seen = [a["id"] for a in page.with_attributes(**{"class": "list-group-item device-row"})]
    assert len(seen) == 10
    assert page.text.count("This device") == 1
    page = ann.open(page.links["Older"])
    more = [a["id"] for a in page.with_attributes(**{"class": "list-group-item device-row"})]
    assert len(set(seen) | set(more)) == 15
    page = ann.open(page.links["Newer"])
    back = [a["id"] for a in page.with_attributes(**{"class": "list-group-item device-row"})]
    assert set(back) == set(seen)
    assert ann.open("/account?cursor=tampered").response.status_code == 400


def test_a_long_list_costs_no_more_statements_than_a_short_one(
    ostiary: Installation, people: People
) -> None:
    ann = people(ostiary)
    ann.sign_in("acme", "ann")

    def statements() -> int:
        seen: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            seen.append(statement)

        event.listen(ostiary.database.engine, "before_cursor_execute", note)
        assert ann.open("/account").response.status_code == 200
        event.remove(ostiary.database.engine, "before_cursor_execute", note)
        return len(seen)

    few = statements()
    for _ in range(30):
        ostiary.start_session("acme", "ann", application="wiki")
    assert statements() == few


def test_activity_is_told_in_words(ostiary: Installation, people: People) -> None:
    ann = people(ostiary)
    ann.sign_in("acme", "ann", password="wrong")
    ann.sign_in("acme", "ann")
    other = ostiary.start_session("acme", "ann", device=PHONE)
    ann.open(end_of(other.session.id))
    ann.send(end_of(other.session.id))
    bob = people(ostiary)
    bob.sign_in("acme", "bob", password="also wrong")
    page = ann.open("/account/activity")
    said = page.text
    for words in (
        "Ended: Chrome on Android",
        "Signed in: Chrome on Android",
        "Signed in: Firefox on Linux",
        "The account was made",
        "by the operator of this server",
    ):
        assert words in said
    assert said.count("Somebody tried to sign in as you and failed") == 1
    assert said.index("Ended: Chrome") < said.index("The account was made")


def test_activity_says_who_did_it_when_it_was_somebody_else(
    ostiary: Installation, people: People
) -> None:
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    own = ann.page.with_attributes(**{"class": "list-group-item device-row"})[0]["id"]
    address = f"/account/sessions/{own.removeprefix('session-')}/name"
    for name in ("Laptop", ""):
        ann.open(address)
        ann.send(address, name=name)
    wiki = Caller(kind=Kind.APPLICATION, organization="acme", name="wiki")
    admin = caller_of(ostiary.start_session("built-in", "admin"))
    for caller in (wiki, admin):
        passwords.set_for(ostiary.house, ostiary.act(caller), "acme", "ann", f"by {caller.actor}!")
    again = people(ostiary)
    again.sign_in("acme", "ann", password="by built-in/admin!")
    again.send(
        "/sign-in/acme/app-built-in",
        password="by built-in/admin!",
        new_password=PASSWORD,
        new_password_again=PASSWORD,
    )
    said = again.open("/account/activity").text
    assert "Named a session “Laptop”" in said
    assert "Took a session" in said
    assert "The password was changed" in said
    assert "by the application wiki" in said
    assert "by built-in/admin" in said


def test_every_event_about_a_user_has_words() -> None:
    t = translator("en")
    subjects = {"session", "sign_in", "user", "record"}
    for known in (e for e in Event if e.value.partition(".")[0] in subjects):
        assert t.has(f"activity.{known.value.replace('.', '_')}"), known


def test_activity_comes_in_pages(
    ostiary: Installation, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "PAGE", 10)
    ann = people(ostiary)
    for _ in range(11):
        ostiary.start_session("acme", "ann")
    ann.sign_in("acme", "ann")
    page = ann.open("/account/activity")
    assert page.text.count("Signed in: ") == 10
    page = ann.open(page.links["Older"])
    assert page.text.count("Signed in: ") == 2
    assert "The account was made" in page.text
