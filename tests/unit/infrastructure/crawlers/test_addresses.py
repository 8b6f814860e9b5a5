"""What a crawler may contact: every way to write a private address is known, and names are looked up once."""

import socket
from collections.abc import Sequence

import pytest

from rag_llm_system.domain.errors import AccessError, ConfigurationError, NotFoundError
from rag_llm_system.infrastructure.crawlers.addresses import AddressGuard

PRIVATE = """
    127.0.0.1 127.1 127.255.255.254 0x7f.1 0x7f000001 0177.0.0.1 2130706433 0 0.0.0.0 0.1.2.3
    10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 100.127.255.255
    224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 192.0.0.8 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1 203.0.113.1
    :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:0 64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b:1::1
    2002:7f00:1:: 2002:c0a8:101::1 2001::1 2001:0:53aa:64c::1 2001:db8::1 3fff::1 5f00::1
    fc00::1 fd12:3456::1 fe80::1 fe80::1%lo fec0::1 ff02::1 ff0e::1 100::1
""".split()
PUBLIC = "8.8.8.8 93.184.215.14 2606:4700:4700::1111 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1".split()


def one_answer(*addresses: str) -> AddressGuard:
    return AddressGuard(look_up=lambda host, port: addresses)


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_address_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(AccessError, match=r"private network: allow its network in RAG_PRIVATE_NETWORKS$"):
        AddressGuard().resolve(host, 80)


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_address_is_given(host: str) -> None:
    found = AddressGuard().resolve(host, 443)
    assert [socket.inet_pton(socket.AF_INET6 if ":" in a else socket.AF_INET, a) for a in found] == [
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    ]


def test_brackets_around_an_address_do_not_count() -> None:
    with pytest.raises(AccessError):
        AddressGuard().resolve("[::1]", 80)


def test_localhost_is_refused() -> None:
    with pytest.raises(AccessError, match="localhost is an address within a private network"):
        AddressGuard().resolve("localhost", 80)


@pytest.mark.parametrize("host", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "2002:a01:203::1"])
def test_an_allowed_network_may_be_contacted_however_it_is_written(host: str) -> None:
    assert len(AddressGuard([" 10.1.0.0/16 ", "fd00::/8"]).resolve(host, 80)) == 1


def test_allowing_one_network_allows_no_other() -> None:
    guard = AddressGuard(["10.1.0.0/16", "fd00::/8"])
    assert guard.resolve("fd12::1", 80) == ["fd12::1"]
    for host in ("10.2.0.1", "127.0.0.1", "fe80::1"):
        with pytest.raises(AccessError):
            guard.resolve(host, 80)


@pytest.mark.parametrize("addresses", [("8.8.8.8", "10.0.0.1"), ("::1", "8.8.8.8")])
def test_one_private_address_among_public_ones_is_enough_to_refuse(addresses: Sequence[str]) -> None:
    with pytest.raises(AccessError):
        one_answer(*addresses).resolve("two.example", 80)


def test_addresses_come_in_the_resolvers_order_each_once() -> None:
    guard = one_answer("9.9.9.9", "8.8.8.8", "9.9.9.9")
    assert guard.resolve("many.example", 80) == ["9.9.9.9", "8.8.8.8"]


@pytest.mark.parametrize("host", ["no-such-host.invalid", "", ".", "a" * 300, "a b", "a\0b"])
def test_a_name_without_a_host_is_not_found(host: str) -> None:
    with pytest.raises(NotFoundError, match="there is no host"):
        AddressGuard().resolve(host, 80)


@pytest.mark.parametrize("network", ["x", "10.0.0.1/8", "10.0.0.0/33", ""])
def test_what_is_no_network_is_refused_with_the_settings_name(network: str) -> None:
    with pytest.raises(ConfigurationError, match="RAG_PRIVATE_NETWORKS"):
        AddressGuard([network])
