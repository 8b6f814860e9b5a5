"""Which port a server gets, and how its address is written."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.settings import server_url
from tools.servers import next_free_port

HOST = "127.0.0.1"
NOT_OF_THIS_MACHINE = ("192.0.2.1", "2001:db8::1")  # RFC 5737, RFC 3849: for documentation, nobody has them


def listener(port: int) -> socket.socket:
    return socket.create_server((HOST, port))


@contextmanager
def taken_ports(n: int) -> Iterator[int]:
    """Gives the first of `n` consecutive ports on which somebody listens, the one behind them being free."""
    for first in range(20_000, 30_000, n + 1):
        with ExitStack() as stack:
            try:
                for port in range(first, first + n):
                    stack.enter_context(listener(port))
                listener(first + n).close()
            except OSError:
                continue
            yield first
            return
    raise AssertionError(f"no {n + 1} consecutive ports are free here")


def test_a_free_port_is_taken_as_it_is() -> None:
    with taken_ports(1) as first:
        assert next_free_port(HOST, first + 1) == first + 1


def test_ports_on_which_somebody_listens_are_passed_over() -> None:
    with taken_ports(2) as first:
        assert next_free_port(HOST, first) == first + 2


def test_the_port_that_the_other_server_is_to_get_is_passed_over() -> None:
    with taken_ports(1) as first:
        assert next_free_port(HOST, first, taken=first + 1) > first + 1


def test_port_0_gives_one_that_can_be_listened_on() -> None:
    port = next_free_port(HOST, 0)
    assert port > 0
    listener(port).close()


def test_when_all_are_taken_the_message_names_the_settings() -> None:
    with taken_ports(2) as first, pytest.raises(ConfigurationError, match=f"{first} to {first + 1}.*RAG_API_PORT"):
        next_free_port(HOST, first, n_tries=2)


def test_no_port_above_the_last_one_is_tried() -> None:
    with pytest.raises(ConfigurationError, match="65535 to 65535"):
        next_free_port(HOST, 65535, taken=65535)


@pytest.mark.parametrize("host", NOT_OF_THIS_MACHINE)
def test_a_host_that_cannot_be_bound_is_left_to_the_server(host: str) -> None:
    assert next_free_port(host, 8001) == 8001


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:8001"), ("localhost", "http://localhost:8001"), ("::1", "http://[::1]:8001")],
)
def test_an_ipv6_host_stands_in_brackets(host: str, url: str) -> None:
    assert server_url(host, 8001) == url
