"""Who is told by the back channel before a browser goes back to the application."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ostiary.gateways.addresses import parse_networks
from ostiary.gateways.outbound import Outbound
from ostiary.ops.deliveries import Deliveries
from ostiary.services.courier import Courier
from ostiary.storage.tables import notice
from tests.oidc.flow import World
from tests.oidc.leaving import AWAY, ask, hint_of, leaver


class Hearer:
    """An application's back-channel address on this machine; it may not answer."""

    def __init__(self) -> None:
        self.heard = 0
        self.answers = threading.Event()
        self.answers.set()
        hearer = self

        class Site(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                hearer.heard += 1
                hearer.answers.wait(20)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/backchannel"


@pytest.fixture
def hearer() -> Iterator[Hearer]:
    made = Hearer()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.answers.set()
    made.server.shutdown()
    thread.join(20)
    made.server.server_close()


@pytest.fixture
def sending(tmp_path: Path) -> Iterator[World]:
    """A world whose notices are sent, and awaited for a moment."""
    outbound = Outbound(parse_networks(["127.0.0.0/8"]))
    world = World(f"sqlite:///{tmp_path / 'ostiary.db'}", tmp_path, outbound=outbound)
    world.house = dataclasses.replace(world.house, watch_notices=20.0)
    courier = Courier(house=world.house, issuer=world.public_url, holder="test")
    deliveries = Deliveries(courier, tick=0.02)
    thread = threading.Thread(target=deliveries.run_until_stopped)
    thread.start()
    yield world
    deliveries.stop()
    thread.join(20)
    world.close()


def test_others_are_told_before_anybody_goes_back(sending: World, hearer: Hearer) -> None:
    """Covers H09: and one that does not answer keeps nobody for long."""
    wiki = leaver(sending)
    mail = sending.client(backchannel_logout_uri=hearer.address)
    for patience in (20.0, 0.2):
        ann = sending.person()
        mail.tokens(ann)
        before = hearer.heard
        sending.app.state.house = dataclasses.replace(sending.house, watch_notices=patience)
        if patience < 1:
            hearer.answers.clear()
        response = ask(ann.browser, id_token_hint=hint_of(wiki, ann), post_logout_redirect_uri=AWAY)
        assert response.headers["location"] == AWAY
        (owed,) = sending.rows(notice, session_id=ann.session_id)
        if patience > 1:
            assert hearer.heard == before + 1
            assert owed.state == "delivered"
        else:
            assert owed.state == "pending"
