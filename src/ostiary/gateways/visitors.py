"""What a request tells of the person's device and place, for people to recognize it by.

None of it is proof of anything: agents are free text, and places are guesses of a data set. It is
read once, at sign-in, and shown in lists of sessions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Self

import maxminddb
import msgspec

from ostiary.domain.errors import Misconfigured
from ostiary.gateways.addresses import (
    Network,
    client_address,
    parse_address,
    parse_networks,
    source_of,
)
from ostiary.gateways.agents import Agent, DeviceKind, clean, clean_agent, parse_agent

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = [
    "Agent",
    "DeviceKind",
    "Network",
    "Place",
    "Places",
    "Visitor",
    "clean_agent",
    "client_address",
    "describe",
    "parse_agent",
    "parse_networks",
    "source_of",
]

_LONGEST_CITY: Final = 100


class Place(msgspec.Struct, frozen=True):
    """Where an address is thought to be; None: not known.

    ``country`` is an ISO 3166-1 alpha-2 code, ``city`` its English name, ``asn`` the network's
    number in the form "AS64500" (RFC 5396 asplain).
    """

    country: str | None = None
    city: str | None = None
    asn: str | None = None


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who came by: `describe` makes it.

    Attributes:
        address: canonical (see `client_address`), or ``""``.
        agent: the header as sent, without unshowable characters, at most 512 characters.
        browser: see `Agent`, as ``os`` and ``device_kind``.
        country: see `Place`, as ``city`` and ``asn``.
    """

    address: str = ""
    agent: str = ""
    browser: str | None = None
    os: str | None = None
    device_kind: DeviceKind = "unknown"
    country: str | None = None
    city: str | None = None
    asn: str | None = None


class Places:
    """Looks addresses up in MaxMind DB files that the operator named. Thread-safe.

    Any ``.mmdb`` file with the fields of GeoLite2, DB-IP or IPinfo will do. A new one is put in
    place by renaming, as their updaters do, and read at the next start: the old one stays mapped.
    """

    def __init__(self, *paths: Path | None) -> None:
        """Open a city file, a network file, both, or (None or nothing) neither.

        For each field, the first file that knows it wins.

        Raises:
            Misconfigured: a named file is missing, unreadable or not such a database.
        """
        self._readers: list[maxminddb.Reader] = []
        for path in paths:
            if path is not None:
                self._readers.append(_open(path))

    def locate(self, address: str) -> Place:
        """What is known of an address: nothing for private ones, for ``""`` and for no address."""
        parsed = parse_address(address)
        if parsed is None:
            return Place()
        place = Place()
        for reader in self._readers:
            try:
                record = reader.get(parsed)
            except (ValueError, maxminddb.InvalidDatabaseError):
                # An IPv6 address in a file for IPv4, or a damaged record: nobody must be kept from
                # signing in by that.
                continue
            if isinstance(record, dict):
                place = Place(
                    country=place.country or _country(record),
                    city=place.city or _city(record),
                    asn=place.asn or _asn(record),
                )
        return place

    def close(self) -> None:
        """Unmap the files; `locate` knows nothing afterwards."""
        readers, self._readers = self._readers, []
        for reader in readers:
            reader.close()

    def __enter__(self) -> Self:
        """Use as a context manager that closes."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


def describe(address: str, agent: str, places: Places | None = None) -> Visitor:
    """Put together what is known of a request.

    Args:
        address: of `client_address`.
        agent: the User-Agent header, ``""`` where there was none; of any length and content.
        places: where to look the address up.
    """
    cleaned = clean_agent(agent)
    parsed = parse_agent(cleaned)
    place = places.locate(address) if places else Place()
    return Visitor(
        address=address,
        agent=cleaned,
        browser=parsed.browser,
        os=parsed.os,
        device_kind=parsed.device_kind,
        country=place.country,
        city=place.city,
        asn=place.asn,
    )


def _open(path: Path) -> maxminddb.Reader:
    try:
        return maxminddb.open_database(path)
    except FileNotFoundError as error:
        message = f"The places file {path} does not exist. Mend the path, or remove the setting."
        raise Misconfigured(message) from error
    except OSError as error:
        message = f"The places file {path} cannot be read: {error.strerror}."
        raise Misconfigured(message) from error
    except (ValueError, maxminddb.InvalidDatabaseError) as error:
        message = f"The places file {path} is not a MaxMind database (.mmdb), or is damaged."
        raise Misconfigured(message) from error


def _country(record: dict[str, object]) -> str | None:
    country = record.get("country")
    code = country.get("iso_code") if isinstance(country, dict) else None
    for candidate in (code, record.get("country_code"), country):
        if isinstance(candidate, str) and re.fullmatch(r"[A-Z]{2}", candidate):
            return candidate
    return None


def _city(record: dict[str, object]) -> str | None:
    city: object = record.get("city")
    if isinstance(city, dict):
        names = city.get("names")
        city = names.get("en") if isinstance(names, dict) else None
    return (clean(city, _LONGEST_CITY) or None) if isinstance(city, str) else None


def _asn(record: dict[str, object]) -> str | None:
    number = record.get("autonomous_system_number", record.get("asn"))
    match = re.fullmatch(r"(?:AS)?([1-9][0-9]{0,9})", str(number))
    return f"AS{match.group(1)}" if match else None
