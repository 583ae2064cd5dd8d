"""Keys of tokens: made when needed, published before they sign and after, recognised for long."""

from datetime import timedelta
from typing import Any

import pytest

from ostiary.domain.errors import BadInput, NotAllowed
from ostiary.gateways import signing
from ostiary.gateways.signing import Keyring, Verified
from ostiary.services import keys, retention
from tests.services.scene import Scene

ISSUER = "https://id.example"


def sign(scene: Scene, alg: str = "RS256", typ: str = "JWT") -> str:
    return keys.sign(scene.house, alg, {"iss": ISSUER, "sub": "ann", "exp": 1}, typ=typ)


def published(scene: Scene) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scene.read(keys.published, scene.clock.now)
    return found


def as_application_verifies(scene: Scene, token: str) -> Verified | None:
    return signing.verify(token, published(scene), signing.ALGORITHMS)


def kids(scene: Scene) -> set[str]:
    return {jwk["kid"] for jwk in published(scene)}


def rotate(scene: Scene, alg: str = "RS256", **more: bool) -> keys.KeyState:
    made: keys.KeyState = scene.write(keys.rotate, scene.act(), scene.house.vault, alg, **more)
    return made


@pytest.mark.parametrize("alg", signing.ALGORITHMS)
def test_the_first_key_of_an_algorithm_is_made_when_it_is_needed(both: Scene, alg: str) -> None:
    """Covers R14."""
    token = sign(both, alg)
    found = as_application_verifies(both, token)
    assert found is not None
    assert found.header["alg"] == alg
    assert sign(both, alg).partition(".")[0] == token.partition(".")[0]


def test_a_new_key_is_published_before_it_signs_and_the_old_one_after(both: Scene) -> None:
    """Covers R14."""
    scene = both
    before = sign(scene)
    [old] = kids(scene)
    made = rotate(scene)
    assert (made.state, kids(scene)) == ("next", {old, made.kid})
    scene.clock.forward(hours=23, minutes=59)
    still = as_application_verifies(scene, sign(scene))
    assert still is not None
    assert still.header["kid"] == old
    scene.clock.forward(minutes=1)
    after = as_application_verifies(scene, sign(scene))
    assert after is not None
    assert after.header["kid"] == made.kid
    scene.clock.now += timedelta(seconds=keys.LONGEST_TOKEN)
    assert as_application_verifies(scene, before) is not None
    scene.clock.forward(hours=1)
    assert kids(scene) == {made.kid}


def test_a_hint_by_a_retired_key_is_recognised_for_its_time(scene: Scene) -> None:
    """Covers R14, H03: whatever its ``exp``."""
    token = sign(scene)
    rotate(scene)
    scene.clock.now += keys.PUBLISHED_BEFORE + keys.HINTS_VERIFY
    scene.write(retention.purge, scene.clock.now, scene.policy)
    claims = scene.read(keys.verify_own, ISSUER, token)
    assert claims is not None
    assert claims["sub"] == "ann"
    scene.clock.forward(seconds=1)
    scene.write(retention.purge, scene.clock.now, scene.policy)
    assert scene.read(keys.verify_own, ISSUER, token) is None
    assert [k.state for k in scene.read(keys.list_keys, scene.act())] == ["signing"]


def test_only_our_own_id_tokens_are_hints(scene: Scene) -> None:
    """Covers D02, H07."""
    assert scene.read(keys.verify_own, ISSUER, sign(scene)) is not None
    assert scene.read(keys.verify_own, "https://other.example", sign(scene)) is None
    assert scene.read(keys.verify_own, ISSUER, sign(scene, typ="at+jwt")) is None
    assert scene.read(keys.verify_own, ISSUER, sign(scene, typ="logout+jwt")) is None
    assert scene.read(keys.verify_own, ISSUER, "junk") is None


def test_another_process_signs_with_the_new_key_at_once(scene: Scene) -> None:
    """Covers R14: what a process keeps of its keys never says which of them signs."""
    sign(scene)
    kept = scene.house.keyring
    made = rotate(scene, compromised=True)
    assert sign(scene).partition(".")[0] != sign(scene, "ES256").partition(".")[0]
    assert scene.house.keyring is kept
    found = as_application_verifies(scene, sign(scene))
    assert found is not None
    assert found.header["kid"] == made.kid


def test_known_keys_are_forgotten_and_what_they_signed_with_them(scene: Scene) -> None:
    """Covers R14."""
    token = sign(scene)
    rotate(scene)
    made = rotate(scene, compromised=True)
    assert (made.state, kids(scene)) == ("signing", {made.kid})
    assert as_application_verifies(scene, token) is None
    assert scene.read(keys.verify_own, ISSUER, token) is None


def test_one_key_at_a_time_waits(scene: Scene) -> None:
    rotate(scene)
    with pytest.raises(BadInput, match="waits"):
        rotate(scene)
    assert rotate(scene, "ES256").state == "signing"


def test_who_administers_one_organization_rotates_nothing(scene: Scene) -> None:
    with pytest.raises(NotAllowed):
        scene.write(keys.rotate, scene.boss(), scene.house.vault, "RS256")
    with pytest.raises(BadInput, match="RS256"):
        rotate(scene, "HS256")


def test_rotating_is_audited_without_a_secret(scene: Scene) -> None:
    made = rotate(scene)
    assert scene.events(event="key.rotated") == ["key.rotated"]
    assert made.kid


def test_a_keyring_opens_a_key_once() -> None:
    key = signing.new_key("ES256")
    opened = []

    def unseal() -> bytes:
        opened.append(key.kid)
        return key.private_pem

    ring = Keyring()
    assert ring.get(key.kid, "ES256", unseal) is ring.get(key.kid, "ES256", unseal)
    assert opened == [key.kid]
