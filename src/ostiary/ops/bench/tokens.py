"""``ostiary bench tokens``: code flows, refreshes and introspections, beside oidc-provider."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import msgspec

from ostiary.ops.bench import load, node_provider, processes
from ostiary.ops.bench.asking import syncs
from ostiary.ops.bench.figures import Results, median
from ostiary.ops.bench.ground import Ground, Progress, ground
from ostiary.ops.bench.load import Answered
from ostiary.ops.bench.token_load import (
    REDIRECT_URI,
    SCOPE_OPENID,
    SCOPE_PLAIN,
    Provider,
    TokenLoad,
    obtain,
)
from ostiary.services import applications
from ostiary.services.applications import ApplicationChange
from ostiary.storage import applications as application_rows

MANY = 16
"""Connections, where it is about many at a time."""

_INTROSPECTED = 50
INTROSPECTIONS = f"introspections, {MANY} at a time"
REFRESHES = "durable refreshes, one at a time in each worker"
_INTROSPECTIONS_BESIDE = 2.0
_REFRESHES_A_SECOND = 1_000
_REFERENCE = "oidc-provider, one process, in memory"
_WARM_UP = 1.0
_LIFETIME = 3_600

_REQUESTS_OF_A_FLOW = 2

Work: TypeAlias = Callable[[TokenLoad, Provider], Answered]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is measured: so many ``requests`` are one of it."""

    name: str
    work: Work
    requests: int = 1


class Measured(msgspec.Struct, frozen=True):
    """How many in a second, and the microseconds of CPU time that one took."""

    rate: float
    cpu: float


def run(
    parent: Path | None, progress: Progress, *, seconds: float, rounds: int, workers: int
) -> Results:
    """Measure.

    Args:
        parent: where the temporary directory is made.
        progress: shows how far it is.
        seconds: for each measurement.
        rounds: of measurements in turn, of which the medians are taken.
        workers: how many processes serve.
    """
    load.need("wrk")
    results = Results(
        benchmark="tokens",
        settings={
            "seconds": seconds,
            "rounds": rounds,
            "workers": workers,
            "algorithm": "ES256",
            "oidc-provider": node_provider.VERSION,
        },
    )
    with ground(parent) as here, ExitStack() as stack:
        other = _other(here, results, stack)
        tokens = TokenLoad(here.directory, seconds)
        serving = stack.enter_context(here.serve(workers=workers))
        ours = _ours(here, serving.url, tuple(serving.workers), progress)
        kinds = _kinds(workers)
        kinds[0].work(TokenLoad(here.directory, _WARM_UP), ours)
        with progress("Measuring", rounds * len(kinds)) as done:
            for number, kind in enumerate(kinds):
                mine, theirs = [], []
                for turn in range(rounds):
                    mine.append(_measure(tokens, ours, kind))
                    if other is not None:
                        theirs.append(_measure(tokens, other, kind))
                    done(number * rounds + turn + 1)
                _tell(results, kind, mine, theirs)
        results.add("a small write, surely on the disk", median(syncs(here.directory)), "ms")
    return results


def _kinds(workers: int) -> list[Kind]:
    def flows(tokens: TokenLoad, provider: Provider) -> Answered:
        return tokens.flows(provider, MANY)

    def refreshes(scope: str, chains: int) -> Work:
        return lambda tokens, provider: tokens.refresh(provider, obtain(provider, chains, scope))

    def introspections(tokens: TokenLoad, provider: Provider) -> Answered:
        return tokens.introspect(provider, obtain(provider, _INTROSPECTED, SCOPE_OPENID), MANY)

    few = refreshes(SCOPE_PLAIN, workers)
    many = refreshes(SCOPE_PLAIN, MANY)
    with_id_token = refreshes(SCOPE_OPENID, MANY)
    return [
        Kind(name=INTROSPECTIONS, work=introspections),
        Kind(name=REFRESHES, work=few),
        Kind(name=f"refreshes, {MANY} at a time", work=many),
        Kind(name=f"refreshes with an ID token, {MANY} at a time", work=with_id_token),
        Kind(
            name=f"code flows, {MANY} at a time",
            work=flows,
            requests=_REQUESTS_OF_A_FLOW,
        ),
    ]


def _measure(tokens: TokenLoad, provider: Provider, kind: Kind) -> Measured:
    before = processes.cpu_seconds(provider.processes)
    answered = kind.work(tokens, provider)
    used = processes.cpu_seconds(provider.processes) - before
    done = answered.requests / kind.requests
    return Measured(answered.rate / kind.requests, used / done * 1e6)


def _tell(results: Results, kind: Kind, mine: list[Measured], theirs: list[Measured]) -> None:
    beside: dict[str, object] = {}
    if theirs:
        beside = {"reference": _REFERENCE, "reference_value": median([m.rate for m in theirs])}
    bar: dict[str, object] = {}
    if kind.name == INTROSPECTIONS:
        bar = {"bar": _INTROSPECTIONS_BESIDE, "at_least": True}
    elif kind.name == REFRESHES:
        bar = {"bar": _REFRESHES_A_SECOND, "at_least": True, "bar_on_value": True}
    rate = median([m.rate for m in mine])
    results.add(f"{kind.name}, a second", rate, "1/s", **beside, **bar)
    if theirs:
        beside["reference_value"] = median([m.cpu for m in theirs])
    results.add(f"{kind.name}, CPU of one", median([m.cpu for m in mine]), "us", **beside)


def _other(here: Ground, results: Results, stack: ExitStack) -> Provider | None:
    """The reference, running; None, with a note, where it cannot be had."""
    directory = here.directory / "node"
    why = node_provider.bring(directory)
    other = None if why else stack.enter_context(node_provider.run(directory))
    if other is None:
        results.notes.append(why or "oidc-provider was not measured beside: it did not start.")
    return other


def _ours(here: Ground, url: str, workers: tuple[int, ...], progress: Progress) -> Provider:
    """Our own server, with somebody who is signed in."""
    house = here.house
    crowd = here.crowd()
    change = ApplicationChange(
        redirect_uris=(REDIRECT_URI,),
        scopes=(SCOPE_OPENID, SCOPE_PLAIN),
        access_token_format="opaque",  # noqa: S106 - a format
        access_token_lifetime=_LIFETIME,
        id_token_alg="ES256",  # noqa: S106 - an algorithm
    )
    act, vault = here.act(), house.vault
    house.database.write(applications.update_application, act, vault, crowd.application, change)
    here.fill(crowd, 2, progress)
    client = house.database.read(application_rows.get, crowd.application)
    if client is None:
        raise AssertionError  # it was changed above
    [known] = here.known(crowd, 1)
    return Provider(
        url=url,
        authorize="/oauth/authorize",
        token="/oauth/token",  # noqa: S106 - a path
        introspect="/oauth/introspect",
        client_id=client.client_id,
        client_secret=applications.secret_of(vault, client),
        cookie=f"sid={known.secret}",
        processes=workers,
    )
