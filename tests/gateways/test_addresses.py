"""Whose address a request has: nobody may choose it who was not vouched for."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.domain.errors import Misconfigured
from ostiary.gateways.visitors import client_address, parse_networks, source_of

NONE = parse_networks([])
PROXIES = parse_networks(["127.0.0.1", "::1", "10.0.0.0/8", "fd00::/8"])

ADDRESSES = st.ip_addresses().map(str)
OUTSIDERS = st.ip_addresses().filter(
    lambda address: (
        getattr(address, "ipv4_mapped", None) is None
        and not any(address in network for network in PROXIES)
    )
)
HOSTILE_ENTRIES = st.one_of(
    st.text(max_size=40),
    ADDRESSES,
    st.sampled_from(
        ["", "unknown", "_hidden", "127.0.0.1", "10.1.1.1", "::1", "[::1", "999.1.1.1"]
    ),
)


# What the peer alone says


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:C000:201", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        (None, ""),
        ("", ""),
        ("testclient", ""),
        ("/run/ostiary.sock", ""),
    ],
)
def test_without_headers_it_is_the_peer_in_one_spelling(peer: str | None, address: str) -> None:
    """Covers R09: two spellings of one address would be two sources."""
    assert client_address(peer, [], NONE) == address
    assert client_address(peer, [], PROXIES) == address


@given(
    peer=OUTSIDERS.map(str),
    headers=st.lists(st.lists(HOSTILE_ENTRIES, max_size=5).map(",".join), max_size=3),
)
def test_an_untrusted_peer_s_header_is_ignored(peer: str, headers: list[str]) -> None:
    """Covers R09: whatever it says."""
    assert client_address(peer, headers, PROXIES) == peer
    assert client_address("127.0.0.1", headers, NONE) == "127.0.0.1"
    assert client_address("testclient", headers, PROXIES) == ""


# What proxies vouch for


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ([], "10.0.0.1"),
        ([""], "10.0.0.1"),
        ([" , ,"], "10.0.0.1"),
        (["192.0.2.1"], "192.0.2.1"),
        (["198.51.100.9, 192.0.2.1"], "192.0.2.1"),
        (["198.51.100.9, 192.0.2.1, 10.0.0.2,10.0.0.3"], "192.0.2.1"),
        (["198.51.100.9", "192.0.2.1", "10.0.0.2"], "192.0.2.1"),
        (["198.51.100.9, 192.0.2.1", "10.0.0.2"], "192.0.2.1"),
        (["192.0.2.1:51234"], "192.0.2.1"),
        (["[2001:db8::1]:443"], "2001:db8::1"),
        (["[2001:db8::1]"], "2001:db8::1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["2001:DB8::0:1%25eth0"], "2001:db8::1"),
        (["::ffff:192.0.2.1"], "192.0.2.1"),
        (["198.51.100.9, ::ffff:10.9.9.9"], "198.51.100.9"),
        (["\t192.0.2.1 "], "192.0.2.1"),
        (["192.0.2.1,,"], "192.0.2.1"),
    ],
)
def test_the_first_from_the_right_that_is_no_proxy(headers: list[str], address: str) -> None:
    """Covers R09: ports, brackets, zones and mapped forms are removed."""
    assert client_address("10.0.0.1", headers, PROXIES) == address


@pytest.mark.parametrize(
    "entry",
    [
        "unknown",
        "_hidden",
        "999.1.1.1",
        "1.2.3",
        "010.0.0.1",
        "192.0.2.1:port",
        "192.0.2.1:123456",
        "192.0.2.1:",
        "192.0.2.1%eth0",
        "[192.0.2.1",
        "[2001:db8::1]443",
        "[[2001:db8::1]]",
        '"192.0.2.1"',
        "192.0.2.1 192.0.2.2",
        "192.0.2.1\r\nX-Evil: 1",
        "192.0.2.1\n",
        "\x00192.0.2.1",
        "١٩٢.0.2.1",
        "1" * 129,
        "2001:db8::1%" + "x" * 200,
        "3221225985",
        "0x7f.1",
    ],
)
def test_a_malformed_entry_ends_the_walk_at_the_last_good_one(entry: str) -> None:
    """Covers R09, D18: nothing that is not an address comes out, and nothing left of it counts."""
    assert client_address("10.0.0.1", [f"198.51.100.9, {entry}"], PROXIES) == "10.0.0.1"
    headers = [f"198.51.100.9, {entry}, 10.0.0.2"]
    assert client_address("10.0.0.1", headers, PROXIES) == "10.0.0.2"


def test_where_all_are_trusted_the_leftmost_is_the_client() -> None:
    """A probe from inside the operator's own network."""
    assert client_address("10.0.0.1", ["10.0.0.3, 10.0.0.2"], PROXIES) == "10.0.0.3"


@given(
    client=OUTSIDERS,
    made_up=st.lists(HOSTILE_ENTRIES, max_size=6),
    hops=st.lists(st.sampled_from(["10.0.0.2", "127.0.0.1", "[fd00::7]:80", "::1"]), max_size=4),
    split=st.booleans(),
)
def test_nothing_that_a_client_sends_changes_who_it_is(
    client: ipaddress.IPv4Address | ipaddress.IPv6Address,
    made_up: list[str],
    hops: list[str],
    split: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    """Covers R09: each proxy appends the peer it saw, to the header or as another line."""
    vouched = ",".join([str(client), *hops])
    sent = ",".join(made_up)
    headers = [sent, vouched] if split else [f"{sent},{vouched}"]
    assert client_address("10.0.0.1", headers, PROXIES) == str(client)


@given(
    peer=st.one_of(st.none(), st.text(max_size=30), ADDRESSES),
    headers=st.lists(st.one_of(st.text(max_size=60), HOSTILE_ENTRIES), max_size=4),
)
def test_only_a_canonical_address_or_nothing_comes_out(
    peer: str | None, headers: list[str]
) -> None:
    """Covers D18: safe to log, to store and to count by."""
    for trusted in (NONE, PROXIES, parse_networks(["0.0.0.0/0", "::/0"])):
        found = client_address(peer, headers, trusted)
        assert found == "" or str(ipaddress.ip_address(found)) == found
        assert "%" not in found
        assert client_address(found, [], NONE) == found
        assert isinstance(source_of(found), str)


def test_a_unix_socket_is_this_machine() -> None:
    """A proxy that connects by socket is trusted where 127.0.0.1 is, and not otherwise."""
    assert client_address(None, ["192.0.2.1"], PROXIES) == "192.0.2.1"
    assert client_address(None, ["198.51.100.9, 192.0.2.1, 10.0.0.2"], PROXIES) == "192.0.2.1"
    assert client_address(None, ["unknown"], PROXIES) == ""
    assert client_address(None, ["192.0.2.1"], NONE) == ""
    assert client_address(None, ["192.0.2.1"], parse_networks(["10.0.0.0/8"])) == ""


def test_a_huge_header_is_not_read_to_its_end() -> None:
    """Covers C01: 100 kB of commas or of trusted addresses stop after 64 entries."""
    assert client_address("10.0.0.1", ["," * 100_000], PROXIES) == "10.0.0.1"
    headers = ["192.0.2.1," + "10.0.0.2," * 20_000 + "10.0.0.3"]
    assert client_address("10.0.0.1", headers, PROXIES) == "10.0.0.2"
    assert client_address("10.0.0.1", ["1" * 100_000], PROXIES) == "10.0.0.1"
    assert client_address("10.0.0.1", ["x," * 50_000 + "192.0.2.1"], PROXIES) == "192.0.2.1"
    within = ["192.0.2.1," + "10.0.0.2," * 62 + "10.0.0.3"]
    assert client_address("10.0.0.1", within, PROXIES) == "192.0.2.1"


# What is counted as one source


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("not an address", ""),
        ("x" * 100_000, ""),
    ],
)
def test_the_source_of_an_address(address: str, source: str) -> None:
    """Covers R09, E08: who has a /64 has not 2^64 tries."""
    assert source_of(address) == source


@given(prefix=st.integers(1, 2**64 - 1), host=st.integers(0, 2**64 - 1))
def test_a_whole_64_is_one_source(prefix: int, host: int) -> None:
    """Covers R09."""
    address = ipaddress.IPv6Address(prefix << 64 | host)
    assert source_of(str(address)) == str(ipaddress.ip_network((prefix << 64, 64)))


# Networks in the configuration


def test_networks_are_read() -> None:
    """Single addresses too; mapped ones as what they mean."""
    entries = ["10.0.0.0/8", " 192.0.2.1 ", "2001:db8::/32", "::1", "::ffff:10.0.0.0/104", "::/0"]
    assert [str(network) for network in parse_networks(entries)] == [
        "10.0.0.0/8",
        "192.0.2.1/32",
        "2001:db8::/32",
        "::1/128",
        "10.0.0.0/8",
        "::/0",
    ]
    assert client_address("::ffff:10.0.0.1", ["192.0.2.1"], parse_networks(["10.0.0.0/8"]))


@pytest.mark.parametrize(
    "entry", ["", "*", "localhost", "10.0.0.0/33", "10.0.0", "::1/200", "a/b/c"]
)
def test_a_bad_network_is_named(entry: str) -> None:
    """The operator sees which entry, and how one is written."""
    with pytest.raises(Misconfigured, match=r"is not an IP network. Write it like") as caught:
        parse_networks(["10.0.0.0/8", entry])
    assert repr(entry) in caught.value.text


def test_host_bits_get_a_suggestion() -> None:
    """10.0.0.5/8 is one of two things; which, the operator must say."""
    with pytest.raises(Misconfigured, match=r"'10\.0\.0\.5/8'.*Did you mean 10\.0\.0\.0/8\?"):
        parse_networks(["10.0.0.5/8"])


def test_a_huge_entry_is_named_in_part() -> None:
    """A pasted file does not fill the log."""
    with pytest.raises(Misconfigured) as caught:
        parse_networks(["x" * 100_000])
    assert len(caught.value.text) < 200
