"""Sessions to look for in the console, and what its lists show."""

from ostiary.domain.search import Order, SessionFilter
from ostiary.domain.session import Device, Session
from ostiary.services import see
from tests.support.installation import Installation
from tests.web.reading import Page


def device(**further: str) -> Device:
    return Device(
        **{
            "kind": "desktop",
            "browser": "Firefox",
            "os": "Linux",
            "agent": "Mozilla/5.0 Firefox",
            "address": "203.0.113.7",
            **further,
        }
    )


def scattered(ostiary: Installation) -> dict[str, str]:
    """Four sessions of three people, by a name each."""
    found = {}
    for name, organization, user, application, where in (
        ("ann at home", "acme", "ann", "wiki", device(country="PT", city="Porto")),
        ("ann on the way", "acme", "ann", "tickets", device(kind="phone", browser="Chrome")),
        ("bob", "acme", "bob", "wiki", device(country="ID", city="Jakarta", address="192.0.2.9")),
        ("zoe", "globex", "zoe", "shop", device(browser="Safari", os="macOS")),
    ):
        started = ostiary.start_session(organization, user, application=application, device=where)
        found[name] = started.session.id
        ostiary.clock.forward(minutes=1)
    return found


def shown(page: Page) -> list[str]:
    """The public ids that a list shows, in its order."""
    hrefs = [a.get("href", "") for tag, a in page.elements if tag == "a"]
    ids = [h.rpartition("/")[2] for h in hrefs if h.startswith("/console/sessions/")]
    return [i for i in ids if len(i) == 32]


def row(ostiary: Installation, session_id: str) -> Session:
    found: Session = ostiary.read(see.one_session, ostiary.act(), session_id).session
    return found


def live(ostiary: Installation, **narrowed: str) -> list[str]:
    chosen = SessionFilter(**narrowed)
    page = ostiary.read(see.list_sessions, ostiary.act(), ostiary.house.vault, chosen, Order())
    return [s.session.id for s in page.items]
