"""Which machines a crawler may talk to: the public internet, and what the settings allow beside it."""

import ipaddress
import socket
from collections.abc import Callable, Sequence

from rag_llm_system.domain.errors import AccessError, ConfigurationError, NotFoundError

LookUp = Callable[[str, int], Sequence[str]]
"""Gives the IP addresses of a host, or raises OSError or ValueError."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_UNICAST = ipaddress.IPv6Network("2000::/3")
_TEREDO = ipaddress.IPv6Network("2001::/32")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Set apart by IANA, but public to the oldest Python that this runs on.
_SET_APART = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")))
_SETTING = "RAG_PRIVATE_NETWORKS"


class AddressGuard:
    """Looks names up, and refuses those that lead into a private network.

    A caller connects to the addresses it is given and to nothing else: who looks the name up once more may get another
    answer.

    Args:
        private_networks: networks such as "10.1.0.0/16" that may be contacted though they are not public.
        look_up: how names become addresses.

    Raises:
        ConfigurationError: a private network is none.
    """

    def __init__(self, private_networks: Sequence[str] = (), *, look_up: LookUp | None = None) -> None:
        self._allowed = tuple(_network(written) for written in private_networks)
        self._look_up = look_up or _system_addresses

    def resolve(self, host: str, port: int) -> list[str]:
        """Gives the addresses of a host, in the order in which they should be tried; all of them may be contacted.

        Raises:
            AccessError: one of the addresses is neither public nor allowed.
            NotFoundError: there is no host of that name.
        """
        try:
            found = list(dict.fromkeys(self._look_up(host.strip("[]"), port)))
        except (OSError, ValueError):  # a name too long to look up is a ValueError
            found = []
        if not found:
            raise NotFoundError(f"there is no host {host[:100]!r}: check the address and the network")
        if not all(self._may_be_contacted(address) for address in found):
            raise AccessError(f"{host} is an address within a private network: allow its network in {_SETTING}")
        return found

    def _may_be_contacted(self, address: str) -> bool:
        outer = ipaddress.ip_address(address)
        inner = _inner_address(outer)
        if any(candidate in network for network in self._allowed for candidate in (outer, inner)):
            return True
        return _is_public(inner)


def _network(written: str) -> _Network:
    try:
        return ipaddress.ip_network(written.strip())
    except ValueError:
        raise ConfigurationError(
            f"{_SETTING} holds {written!r}, which is no network: write it like 10.1.0.0/16 or fd00::/8"
        ) from None


def _system_addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(entry[4][0]) for entry in found]


def _inner_address(address: _Address) -> _Address:
    """Gives the IPv4 address that a gateway would make of an IPv6 address; the address itself where there is none."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (address not in _UNICAST or address in _TEREDO):
        return False
    is_set_apart = any(address in network for network in _SET_APART)
    return address.is_global and not is_set_apart and not address.is_multicast and not address.is_reserved
