"""The view that checks are answered from: what it forgets, when, and what it never grows beyond."""

import hashlib
import sqlite3
from pathlib import Path

import pytest

from ostiary.domain.secrets import digest
from ostiary.domain.session import EndReason
from ostiary.services import end, retention
from ostiary.services.check import live_by_secrets
from ostiary.storage import changes, cut_offs, settings
from ostiary.storage.changes import Change
from ostiary.storage.live_view import Entry, LiveView, SqliteGate, Tail
from tests.support.installation import Installation


class Told:
    """A gate that says what it is told to say."""

    def __init__(self) -> None:
        self.position = 0
        self.next: Tail | None = None
        self.closed = False

    def changed(self, position: int) -> Tail | None:
        said, self.next = self.next, None
        return said

    def has(self, digest: bytes) -> bool:
        return digest == b"stored"

    def close(self) -> None:
        self.closed = True

    def change(self, *names: object) -> None:
        self.position += 1
        self.next = Tail(self.position, names)


def _entry(session: str = "s1", *, user: int = 1, organization: int = 1, app: int = 1) -> Entry:
    return Entry(
        told=session.ljust(32).encode(),
        organization_key=organization,
        user_key=user,
        application_key=app,
        expires_at=2e9,
        idle_seconds=60,
        seen_at=0.0,
        stored_at=0.0,
    )


def _key(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def _put(view: LiveView, name: str, **further: int) -> None:
    assert view.put(_key(name), _entry(name, **further), read_at=view.position)


@pytest.mark.parametrize(
    "name", ["s1".ljust(32), ("user", 1), ("organization", 1), ("application", 1)], ids=str
)
def test_a_change_makes_the_view_forget_what_it_names_and_nothing_else(name: object) -> None:
    gate = Told()
    view = LiveView(gate)
    _put(view, "s1")
    _put(view, "s2", user=2, organization=2, app=2)
    assert view.get(_key("s1")) is not None
    gate.change(name)
    view.refresh()
    assert view.get(_key("s1")) is None
    assert view.get(_key("s1")) is None
    found = view.get(_key("s2"))
    assert found is not None
    assert found.session_id.strip() == "s2"


def test_a_row_read_before_a_change_is_not_kept_after_it() -> None:
    view = LiveView(gate := Told())
    read_at = view.position
    gate.change("s1".ljust(32))
    view.refresh()
    assert not view.put(_key("s1"), _entry("s1"), read_at=read_at)
    assert view.get(_key("s1")) is None
    assert view.put(_key("s2"), _entry("s2"), read_at=read_at), "another one is kept"
    assert view.put(_key("s1"), _entry("s1"), read_at=view.position), "read again, it is kept"


def test_a_row_read_before_the_oldest_change_that_is_remembered_is_not_kept() -> None:
    view = LiveView(gate := Told(), capacity=8)
    read_at = view.position
    for number in range(20):
        gate.change(f"other{number}")
        view.refresh()
    assert not view.put(_key("s1"), _entry("s1"), read_at=read_at)


def test_an_entry_that_nobody_asks_for_is_not_trusted_after_changes_were_forgotten() -> None:
    view = LiveView(gate := Told(), capacity=100)
    _put(view, "s1")
    gate.change("s1".ljust(32))
    view.refresh()
    for number in range(200):
        gate.change(f"other{number}")
        view.refresh()
    assert view.get(_key("s1")) is None


def test_what_is_asked_for_stays_and_the_view_never_grows_beyond_its_capacity() -> None:
    view = LiveView(Told(), capacity=10)
    _put(view, "kept")
    for number in range(100):
        _put(view, f"s{number}")
        assert view.get(_key("kept")) is not None
        assert len(view) <= 10
    assert view.get(_key("s0")) is None


def test_a_tail_that_is_not_whole_or_not_understood_makes_it_start_anew() -> None:
    for tail in (Tail(7, whole=False), Tail(7, (None,))):
        view = LiveView(gate := Told())
        _put(view, "s1")
        gate.next = tail
        read_at = view.position
        view.refresh()
        assert view.position == 7
        assert view.get(_key("s1")) is None
        assert not view.put(_key("s1"), _entry(), read_at=read_at)


def test_closing_forgets_everything() -> None:
    view = LiveView(gate := Told())
    _put(view, "s1")
    view.close()
    assert gate.closed
    assert len(view) == 0


@pytest.fixture
def installation(tmp_path: Path):  # noqa: ANN201 - a generator of installations
    made = Installation(f"sqlite:///{tmp_path / 'ostiary.db'}", tmp_path)
    yield made
    made.close()


@pytest.fixture
def gate(installation: Installation):  # noqa: ANN201 - a generator of gates
    opened = SqliteGate(installation.database)
    opened.changed(0)
    yield opened
    opened.close()


def test_the_gate_says_nothing_until_somebody_commits(
    installation: Installation, gate: SqliteGate
) -> None:
    assert gate.changed(0) is None
    assert gate.changed(0) is None
    last = installation.database.read(changes.last_sequence)
    installation.write(
        changes.append, Change.SESSION, installation.clock.now, [{"session_id": "one"}]
    )
    installation.write(changes.append, Change.USER, installation.clock.now, [{"user_key": 5}])
    tail = gate.changed(last)
    assert tail is not None
    assert tail.whole
    assert tail.names == ("one", ("user", 5))
    assert gate.changed(tail.position) is None


def test_the_gate_knows_a_secret_from_its_commit_on_and_a_dead_one_too(
    installation: Installation, gate: SqliteGate
) -> None:
    assert not gate.has(digest("nobody's"))
    started = installation.start_session("built-in", "admin")
    assert gate.has(digest(started.secret))
    installation.write(end.end_one, installation.act(), started.session.id)
    assert gate.has(digest(started.secret))


def test_a_commit_that_changes_no_check_moves_nothing(
    installation: Installation, gate: SqliteGate
) -> None:
    last = installation.database.read(changes.last_sequence)
    installation.write(settings.put, "anything", "x")
    assert gate.changed(last) == Tail(last)


def test_a_kind_of_change_that_a_newer_version_wrote_is_not_passed_over(
    installation: Installation, gate: SqliteGate
) -> None:
    last = installation.database.read(changes.last_sequence)
    with sqlite3.connect(installation.database.engine.url.database or "") as connection:
        connection.execute("INSERT INTO change_log (at, kind) VALUES (1, 'policy')")
    connection.close()
    tail = gate.changed(last)
    assert tail is not None
    assert tail.names == (None,)


def test_a_position_below_the_floor_starts_anew(
    installation: Installation, gate: SqliteGate
) -> None:
    for number in range(3):
        installation.write(
            changes.append,
            Change.SESSION,
            installation.clock.now,
            [{"session_id": f"s{number}"}],
        )
    installation.clock.forward(days=2)
    installation.write(changes.purge, installation.clock.now, 100)
    tail = gate.changed(0)
    assert tail is not None
    assert not tail.whole
    assert tail.position > 0


def test_a_tail_that_could_not_be_read_is_read_the_next_time(
    installation: Installation, gate: SqliteGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = installation.database.read(changes.last_sequence)
    installation.write(
        changes.append, Change.SESSION, installation.clock.now, [{"session_id": "one"}]
    )

    def broken(position: int) -> Tail:
        raise sqlite3.OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(gate, "_tail", broken)
        with pytest.raises(sqlite3.OperationalError):
            gate.changed(last)
    tail = gate.changed(last)
    assert tail is not None
    assert tail.names == ("one",)


def _fill(installation: Installation, view: LiveView, secret: str) -> bytes:
    key = _key(secret)
    found = installation.read(
        live_by_secrets, installation.house.vault, [key], installation.clock.now
    )[key]
    session = found.session
    entry = _entry(
        session.id,
        user=session.user_key,
        organization=session.organization_key,
        app=session.application_key,
    )
    assert view.put(key, entry, read_at=view.position)
    return key


@pytest.mark.parametrize("gated", [True, False], ids=["gated", "gate switched off"])
def test_every_ending_of_a_session_is_seen_by_the_next_look(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, *, gated: bool
) -> None:
    """The control: without the gate each of these is still answered. Covers A10, R03."""
    started = installation.start_session("built-in", "admin")
    keys = {
        "user": started.session.user_key,
        "organization": started.session.organization_key,
        "application": started.session.application_key,
    }

    def end_it(secret_session: str) -> None:
        installation.write(end.end_one, installation.act(), secret_session)

    def cut(subject: str):  # noqa: ANN202 - one of the ways below
        def raise_it(_: str) -> None:
            installation.write(
                cut_offs.raise_epoch,
                subject,
                keys[subject],
                reason=EndReason.ADMIN_BULK,
                actor="operator",
                now=installation.clock.now,
            )
            installation.write(
                changes.append,
                Change(subject),
                installation.clock.now,
                [{f"{subject}_key": keys[subject]}],
            )

        return raise_it

    def again(_: str) -> None:
        installation.start_session("built-in", "admin", secret=latest.secret)

    def sweep(_: str) -> None:
        installation.clock.forward(days=2)
        installation.write(retention.sweep, installation.clock.now)

    for way in (end_it, cut("user"), cut("organization"), cut("application"), again, sweep):
        latest = installation.start_session("built-in", "admin")
        view = LiveView(SqliteGate(installation.database))
        key = _fill(installation, view, latest.secret)
        assert view.get(key) is not None
        if not gated:
            monkeypatch.setattr(view._gate, "changed", lambda position: None)
        way(latest.session.id)
        view.refresh()
        assert (view.get(key) is None) is gated, way.__name__
        view.close()
