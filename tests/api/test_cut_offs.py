"""Everything ends at once, and how far the settling is can be followed."""

from __future__ import annotations

import pytest

from ostiary.services import retention
from tests.api.world import World


def test_a_cut_off_is_in_force_when_it_is_answered_and_followed_to_its_end(both: World) -> None:
    """Covers A14, A10."""
    ann, _ = both.sign_in("acme/ann")
    eve, _ = both.sign_in("globex/eve")
    answer = both.builtin.post("/v1/cut-offs", json={"subject": "organization", "name": "acme"})
    assert answer.status_code == 202
    begun = answer.json()
    assert ann.get("/v1/me").status_code == 401
    assert eve.get("/v1/me").status_code == 200
    assert (begun["settled"], begun["finished_at"]) == (0, None)
    assert begun["remaining"] >= 1
    where = answer.headers["location"]
    assert where.endswith(f"/v1/cut-offs/{begun['id']}")
    both.here.write(retention.settle_cut_offs, both.here.clock.now)
    then = both.builtin.get(where).json()
    assert then["settled"] == begun["remaining"]
    assert then["remaining"] == 0
    assert then["finished_at"] is not None
    assert both.builtin.get("/v1/cut-offs").json()["items"] == [then]
    both.here.clock.forward(seconds=1)
    assert both.sign_in("acme/ann")[0].get("/v1/me").status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"subject": "user", "name": "ann"}, "organization"),
        ({"subject": "organization", "name": "acme", "organization": "acme"}, "organization"),
        ({"subject": "everything", "name": "acme"}, "subject"),
        ({"subject": "organization"}, "name"),
        ({"subject": "organization", "name": "acme", "dry_run": True}, "dry_run"),
    ],
)
def test_what_to_end_has_to_be_said_exactly(
    world: World, body: dict[str, object], field: str
) -> None:
    answer = world.builtin.post("/v1/cut-offs", json=body)
    assert answer.status_code == 400
    assert answer.json()["field"] == field


def test_an_old_authentication_is_not_enough(world: World) -> None:
    """Covers A16."""
    boss, _ = world.sign_in("acme/boss")
    world.here.clock.forward(minutes=16)
    answer = boss.post("/v1/cut-offs", json={"subject": "organization", "name": "acme"})
    assert answer.json()["code"] == "reauthentication_needed"
