"""The connection to a Qdrant server: addresses and keys that cannot be used."""

import ssl

import httpx
import pytest

pytest.importorskip("qdrant_client", reason="needs the extra qdrant")

from qdrant_client.http.exceptions import ResponseHandlingException

from rag_llm_system.domain.errors import BackendError, ConfigurationError
from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
from rag_llm_system.infrastructure.db.qdrant_errors import may_pass, translated


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://localhost:6334", "http://localhost:6334"),
        ("http://localhost", "http://localhost:6333"),
        ("https://name.cloud.qdrant.io/", "https://name.cloud.qdrant.io:6333"),
        ("https://example.org:443/vectors/", "https://example.org:443/vectors"),
        ("http://[::1]:7000", "http://[::1]:7000"),
    ],
)
def test_an_address_without_a_port_means_6333(url: str, place: str) -> None:
    connector = QdrantDatabaseConnector(url)
    connector.close()

    assert connector.place == f"the Qdrant server at {place}"


@pytest.mark.parametrize(
    "url",
    [None, "", "localhost:6333", "ftp://host", "http://", "http://host:port", "http://host:99999", "http://h/?a=b"],
)
def test_an_address_that_is_none_is_refused(url: str | None) -> None:
    with pytest.raises(ConfigurationError, match="must be like https://host:6333"):
        QdrantDatabaseConnector(url)


def test_an_address_with_a_password_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigurationError, match="holds a password") as raised:
        QdrantDatabaseConnector("https://ada:hunter2@host")

    assert "hunter2" not in raised.value.message


@pytest.mark.parametrize("key", ["two words", "line\nend", "schlüssel", "\x00"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigurationError, match="QDRANT_APIKEY") as raised:
        QdrantDatabaseConnector("http://localhost", api_key=key)

    assert key not in raised.value.message


def test_a_blank_key_is_none_and_a_line_end_after_a_key_does_not_count() -> None:
    for key in ("", "  \n", "abc\n"):
        QdrantDatabaseConnector("http://localhost", api_key=key).close()


def test_a_closed_connector_may_be_closed_again_but_not_used() -> None:
    connector = QdrantDatabaseConnector("http://localhost")
    connector.close()
    connector.close()

    with pytest.raises(BackendError, match="closed"):
        connector.call(lambda client: client.info())


def test_a_certificate_that_is_not_trusted_is_a_matter_of_settings_and_not_asked_again() -> None:
    broken = httpx.ConnectError("certificate of my secret host")
    broken.__cause__ = ssl.SSLCertVerificationError("certificate verify failed")
    error = ResponseHandlingException(broken)

    assert not may_pass(error)
    told = translated(error, "the server")
    assert isinstance(told, ConfigurationError)
    assert "certificate" in told.message
    assert "secret" not in told.message


def test_what_no_rule_covers_is_an_error_of_the_backend_that_names_its_kind_alone() -> None:
    told = translated(RuntimeError("my document"), "the server")

    assert type(told) is BackendError
    assert "RuntimeError" in told.message
    assert "my document" not in told.message
