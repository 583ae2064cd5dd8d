"""The interface does what its description says, whatever is sent (schemathesis)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ostiary.domain.lifetime import Overrides
from ostiary.gateways.entropy import new_public_id
from ostiary.services.organizations import OrganizationChange, update_organization
from tests.api.world import World

EXAMPLES = 8
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
REFUSALS = ["400", "401", "403", "404", "413", "415", "429"]
PEOPLE = {"boss": True, "plain": False}
"""Whether they administer acme."""


@pytest.mark.parametrize("caller", ["boss", "plain", "wiki"])
def test_nothing_undocumented_is_ever_answered(world: World, caller: str) -> None:
    config = SchemathesisConfig.from_dict(
        {
            "generation": {"with-security-parameters": False},
            "checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}},
        }
    )
    schema = schemathesis.openapi.from_asgi("/v1/openapi.json", world.here.app, config=config)
    statuses: set[int] = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        explore(world, caller, operation, GenerationMode.POSITIVE, statuses)
        if len(operation.query) or len(operation.body):
            explore(world, caller, operation, GenerationMode.NEGATIVE, statuses)
    assert {200, 400, 403, 404} <= statuses


def explore(
    world: World, caller: str, operation: Any, mode: GenerationMode, statuses: set[int]
) -> None:
    """A few calls of one operation, half of them about things that exist."""
    arguments = credentials(world, caller)
    numbers = itertools.count()

    @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def call(case: Any, known: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        if known and mode is GenerationMode.POSITIVE:
            make_real(world, case, f"{caller}-{next(numbers)}")
        response = case.call_and_validate(checks=CHECKS, **arguments)
        statuses.add(response.status_code)

    call()
    # A call may have closed the organization's door, through which the next one comes.
    usual = OrganizationChange(exclusive=False, sign_in_disabled=False, lifetimes=Overrides())
    world.here.write(update_organization, world.here.act(), world.here.house.vault, "acme", usual)


def make_real(world: World, case: Any, name: str) -> None:
    """Let a call be about things that exist, each made for it alone."""
    parts = case.path_parameters or {}
    if "session_id" in parts:
        parts["session_id"] = world.start("acme/ann")
    if "organization" in parts:
        parts["organization"] = "acme"
    if "user" in parts:
        parts["user"] = f"{name}-{new_public_id()}"
        world.here.user("acme", parts["user"])
    if "application" in parts:
        parts["application"] = f"{name}-{new_public_id()}"
        world.here.application("acme", parts["application"])
    if isinstance(case.body, dict):
        if "organization" in case.body:
            case.body["organization"] = "acme"
        if "name" in case.body:
            case.body["name"] = f"{name}-{new_public_id()}"


def credentials(world: World, caller: str) -> dict[str, Any]:
    """What a caller sends; a new user each time, since the calls before may have changed her."""
    if caller not in PEOPLE:
        return {"auth": world.secrets[caller]}
    name = f"{caller}-{new_public_id()}"
    world.here.user("acme", name, is_admin=PEOPLE[caller])
    client, _ = world.sign_in(f"acme/{name}")
    cookies = {name: client.cookies[name] for name in ("sid", "device")}
    return {"cookies": cookies, "headers": {"Sec-Fetch-Site": "same-origin"}}
