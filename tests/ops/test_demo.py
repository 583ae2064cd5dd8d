"""``ostiary demo`` fills an installation by the code that fills real ones."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

from ostiary.domain.access import OPERATOR
from ostiary.domain.notice import NoticeFilter, NoticeState
from ostiary.domain.search import Order, SessionFilter, State
from ostiary.ops.compose import close_house, open_house
from ostiary.services import events, see, sign_in
from ostiary.services.house import Act
from ostiary.storage import outbox
from tests.support.server import PROGRAM, Server, until


def test_the_example_is_served_and_everybody_in_it_can_sign_in(tmp_path: Path) -> None:
    data = tmp_path / "data"
    out = tmp_path / "out"
    command = [PROGRAM, "demo", "--json", "--port", "0", "--data", str(data)]
    with out.open("wb") as stdout:
        demo = subprocess.Popen(command, cwd=tmp_path, stdout=stdout)
    try:
        until(lambda: "is ready at" in out.read_text(encoding="utf-8"), "the example is served")
        made = json.loads(out.read_text(encoding="utf-8").splitlines()[0])
    finally:
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(30) == 0
    _look(data, made)
    again = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert again.returncode == 1
    assert "is not empty" in again.stderr


def _look(data: Path, made: dict[str, object]) -> None:
    house = open_house(Server(data).config)
    try:
        act = Act(caller=OPERATOR, now=house.clock())
        read, vault = house.database.read, house.vault
        found = {
            state: read(see.list_sessions, act, vault, SessionFilter(state=state), Order())
            for state in State
        }
        assert made["users"] == 32
        live, ended = found[State.LIVE], found[State.ENDED]
        assert live.total + ended.total <= made["sessions"]  # type: ignore[operator]
        assert live.total > 100
        assert ended.total > 20
        kinds = {seen.session.device.kind for seen in live.items}
        assert {"desktop", "phone", "tablet", "cli"} <= kinds
        assert {c.application for s in live.items for c in s.clients} >= {"wiki", "shop"}
        told = read(events.list_events, act, vault, limit=500)
        assert {e.event for e in told.items} >= {"session.started", "session.ended"}
        # Beside each other threads try to tell applications; that is no order to speak of.
        instants = [e.at for e in told.items if e.event.startswith("session.")]
        assert instants[:200] == sorted(instants[:200], reverse=True), "as it happened"
        accepted = NoticeFilter(state=NoticeState.DELIVERED)
        assert read(outbox.count, accepted, up_to=99) > 20
        attempt = sign_in.Attempt(
            organization="acme",
            application="wiki",
            login="m.keller",
            password=str(made["password"]),
            device=live.items[0].session.device,
        )
        assert sign_in.sign_in(house, act, attempt).user.is_admin
    finally:
        close_house(house)
