"""After a full run of everything the store holds no secret in clear (R01, W5, R12, D17)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from ostiary.domain.errors import (
    BadInput,
    NotSignedIn,
    PasswordMustChange,
    TooManyFailures,
    WrongCredentials,
)
from ostiary.domain.search import SessionFilter
from ostiary.domain.session import Device
from ostiary.gateways.entropy import new_public_id, new_secret
from ostiary.services import (
    applications,
    end,
    entering,
    organizations,
    passwords,
    records,
    report,
    retention,
    see,
    setup,
    users,
)
from ostiary.services.sign_in import SignedIn
from ostiary.storage import tables
from ostiary.storage.database import Transaction
from tests.services.scene import Scene
from tests.support.installation import PASSWORD

TYPED = (
    "typed-wrong-password-1",
    "typed-as-a-name-2",
    "a-new-password-3-of-anns",
    "chosen-by-the-boss-4",
    "her-own-at-last-5",
    "client-secret-given-6",
    "kept-master-password-7",
    "kept-totp-secret-8",
    "brought-in-clear-9",
)


def _everything_happens(scene: Scene) -> list[str]:
    """Call every verb there is, and return every secret that was made, typed or shown."""
    secrets = [PASSWORD, *TYPED]
    sign_in = _collecting(scene, secrets)
    house = scene.house

    ann = sign_in("ann", remember=True)
    again = sign_in("ann", "mail", secret=ann.secret, device_secret=ann.device_secret)
    sign_in("bob", device_secret=ann.device_secret)
    sign_in("ann", secret=new_secret(), device_secret=new_secret())
    for attempt in (
        {"user": "ann", "password": TYPED[0]},
        {"user": TYPED[1], "password": "x"},
        {"user": "ann", "organization": TYPED[1], "password": "x"},
        {"user": "ann", "application": TYPED[1], "password": "x"},
    ):
        with pytest.raises((WrongCredentials, TooManyFailures)):
            scene.sign_in(**attempt, device=Device(address="198.51.100.7"))
    assert not scene.lives(again)

    # Passwords
    mine = sign_in("ann")
    scene.clock.forward(seconds=1)
    with pytest.raises(BadInput):
        passwords.change_own(house, scene.by(mine), PASSWORD, "short")
    done = passwords.change_own(house, scene.by(mine), PASSWORD, TYPED[2])
    secrets.append(str(done.secret))
    boss = sign_in("boss", "app-built-in")
    passwords.set_for(house, scene.by(boss), "acme", "bob", TYPED[3])
    with pytest.raises(PasswordMustChange):
        scene.sign_in("bob", password=TYPED[3])
    sign_in("bob", password=TYPED[3], new_password=TYPED[4])
    passwords.prepare(house, scene.act(), "acme", "x", TYPED[8], encoding="plain")

    _accounts(scene, secrets)

    # Sessions
    act = scene.by(boss)
    other = sign_in("boss", "app-built-in")
    scene.write(see.label, act, boss.session.id, "the desk")
    scene.write(entering.enter, act, "wiki")
    scene.write(report.not_me, act, other.session.id)
    scene.write(records.add_record, act, ("acme", "ann", "wiki"), ["x"], exclusive=False)
    scene.write(records.update_record, act, ("acme", "ann", "wiki"), ["y"], created_time="T")
    scene.write(records.delete_record, act, ("acme", "ann", "wiki"))
    for _ in range(3):
        sign_in("bob", password=TYPED[4])
    end.end_matching(house, act, SessionFilter(user="bob"))
    scene.write(applications.delete_application, scene.act(), "mail")
    scene.write(end.sign_out_everywhere, act)
    with pytest.raises(NotSignedIn):
        scene.write(end.end_others, act)
    alive = [sign_in("gus", "shop", "globex", remember=True), sign_in("gina", "shop", "globex")]
    scene.clock.forward(hours=2)
    for verb in (retention.sweep, retention.settle_cut_offs):
        scene.write(verb, scene.clock.now)
    scene.write(retention.purge, scene.clock.now, scene.policy)
    assert scene.lives(alive[0])
    return secrets


def _accounts(scene: Scene, secrets: list[str]) -> None:
    vault = scene.house.vault
    scene.organization("fresh", extra={"masterPassword": TYPED[6]})
    scene.write(
        organizations.update_organization,
        scene.act(),
        vault,
        "fresh",
        organizations.OrganizationChange(extra={"masterPassword": TYPED[6], "x": 1}),
    )
    secrets.append(scene.application("fresh", "fresh-app")[1])
    change = applications.ApplicationChange(client_secret=TYPED[5], extra={"key": TYPED[7]})
    scene.write(applications.update_application, scene.act(), vault, "fresh-app", change)
    rotated = scene.write(applications.rotate_secret, scene.act(), vault, "fresh-app")
    secrets.append(applications.secret_of(vault, rotated))
    scene.user("fresh", "cleo", email="c@x.example", extra={"totpSecret": TYPED[7]})
    change_user = users.UserChange(name="cleo2", extra={"totpSecret": TYPED[7], "y": 2})
    scene.write(users.update_user, scene.act(), vault, "fresh", "cleo", change_user)
    scene.write(users.delete_user, scene.act(), "fresh", "cleo2")


def _collecting(scene: Scene, secrets: list[str]) -> Any:
    def sign_in(*who: str, **further: Any) -> SignedIn:
        started = scene.sign_in(*who, **further)
        secrets.extend(s for s in (started.secret, started.device_secret) if s)
        return started

    return sign_in


def _dump(tx: Transaction) -> str:
    """Everything in the store, whoever made the table."""
    lines = []
    for name in inspect(tx.connection).get_table_names():
        quoted = tx.connection.dialect.identifier_preparer.quote(name)
        lines += [f"{name} {row}" for row in tx.rows(text(f"SELECT * FROM {quoted}"))]  # noqa: S608
    return "\n".join(lines)


def test_a_dump_of_the_store_holds_no_secret(both: Scene, tmp_path: Path) -> None:
    """Covers R01, W5, R12, D17: cookies, passwords, client secrets and what is only kept."""
    secrets = _everything_happens(both)
    assert len(secrets) > 30
    assert len(set(secrets)) == len(secrets)
    dump = both.read(_dump)
    assert len(dump) > 20_000
    found = [secret for secret in secrets if secret and secret in dump]
    assert found == []
    happened = set(both.events())
    assert {e for e in happened if not e.startswith(("retention", "record"))} >= {
        "session.started",
        "session.reauthenticated",
        "session.ended",
        "session.labelled",
        "session.reported",
        "session.entered",
        "sign_in.failed",
        "user.password_changed",
        "user.deleted",
        "application.deleted",
    }
    if not both.database.is_postgresql:
        # Nor what was deleted: nothing of it was ever written.
        both.database.close()
        raw = b"".join(f.read_bytes() for f in tmp_path.glob("ostiary.db*"))
        assert [s for s in secrets if s and s.encode() in raw] == []


def test_what_is_shown_is_no_secret_and_no_hash_of_one(scene: Scene) -> None:
    """Covers W5, G17: public ids and the sids that applications know are values of their own."""
    started = scene.sign_in()
    (session,) = scene.rows(tables.session)
    (client,) = scene.rows(tables.client_session)
    values = {
        started.session.id,
        started.secret,
        session.secret_hash.hex(),
        session.secret_hash.hex()[:32],
        client.sid,
    }
    assert len(values) == 5


def test_a_set_up_link_is_stored_as_its_hash(database_url: str, tmp_path: Path) -> None:
    """Covers R01, C11."""
    scene = Scene(database_url, tmp_path, install=False)
    link = scene.write(setup.new_link)
    assert link
    assert link not in scene.read(_dump)
    scene.close()


def test_ten_thousand_secrets_and_ids_are_all_different() -> None:
    """Covers A06: 256 and 128 random bits."""
    assert len({new_secret() for _ in range(10_000)}) == 10_000
    assert len({new_public_id() for _ in range(10_000)}) == 10_000
