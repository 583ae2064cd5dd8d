"""What applications are owed, in the console."""

from collections.abc import Callable

from ostiary.domain.notice import NoticeFilter, NoticeState
from ostiary.services import end
from ostiary.storage import deliveries, outbox
from tests.support.installation import Installation
from tests.web.reading import Reader

People = Callable[..., Reader]
PATH = "/console/notices"


def owe(ostiary: Installation, user: str = "ann") -> int:
    """End a session that was used in the wiki; the number of the notice."""
    started = ostiary.start_session("acme", user, application="wiki")
    ostiary.write(end.end_one, ostiary.act(), started.session.id)
    [item] = ostiary.read(outbox.of_sessions, [started.session.id])
    return item.id


def give_up(ostiary: Installation, number: int) -> None:
    ostiary.write(deliveries.give_up, [ostiary.read(outbox.by_id, number)], ostiary.clock.now)


def test_nothing_is_owed_at_first(admin: Reader) -> None:
    assert "No notices" in admin.open(PATH).text


def test_what_is_owed_is_listed_and_narrowed(ostiary: Installation, admin: Reader) -> None:
    give_up(ostiary, owe(ostiary))
    owe(ostiary, "bob")
    page = admin.open(PATH)
    assert "1 to 2 of 2" in page.text
    assert "https://wiki.example/logout" in page.text
    assert "Waiting" in page.text
    waiting = admin.open(f"{PATH}?state=pending")
    assert "1 to 1 of 1" in waiting.text
    assert "bob" in waiting.text
    assert "No notices" in admin.open(f"{PATH}?application=shop").text
    assert "1 to 2 of 2" in admin.open(f"{PATH}?application=wiki&state=nonsense").text
    assert admin.open(f"{PATH}?cursor=made-up").response.url.path == PATH


def test_one_that_was_not_accepted_is_sent_again_after_asking(
    ostiary: Installation, admin: Reader
) -> None:
    number = owe(ostiary)
    give_up(ostiary, number)
    page = admin.open(f"{PATH}?state=given_up")
    page = admin.open(page.links["Send again"])
    assert "Tell Wiki again?" in page.text
    page = admin.send(f"{PATH}/{number}/resend")
    assert "It is sent to https://wiki.example/logout again." in page.text
    assert str(page.response.url).endswith(f"{PATH}?state=given_up")
    found = ostiary.read(outbox.by_id, number)
    assert found is not None
    assert found.state is NoticeState.PENDING


def test_one_that_was_accepted_meanwhile_is_not_sent_again(
    ostiary: Installation, admin: Reader
) -> None:
    number = owe(ostiary)
    admin.open(f"{PATH}/{number}/resend")
    ostiary.write(deliveries.delivered, ostiary.read(outbox.by_id, number), ostiary.clock.now)
    assert "It was accepted." in admin.send(f"{PATH}/{number}/resend").text
    [item] = ostiary.read(outbox.page, NoticeFilter(), after=None, limit=9)
    assert item.state is NoticeState.DELIVERED


def test_administrators_of_another_organization_know_nothing_of_it(
    ostiary: Installation, people: People
) -> None:
    number = owe(ostiary)
    ostiary.user("globex", "boss", is_admin=True)
    boss = people(ostiary)
    boss.sign_in("globex", "boss")
    assert "No notices" in boss.open(PATH).text
    assert boss.open(f"{PATH}?organization=acme").response.status_code == 403
    assert boss.open(f"{PATH}/{number}/resend").response.status_code == 404
