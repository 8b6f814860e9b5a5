"""What a server of Opik's that does not take a run is called. The server is a stub on loopback."""

import pytest

from rag_llm_system.domain.errors import BackendError, BackendUnavailableError
from rag_llm_system.infrastructure.observability.opik_tracker import OpikTracker
from rag_llm_system.infrastructure.opik_utils import open_opik_client, opik_place
from tests.contracts.test_experiment_tracker import RUN
from tests.opik_stub import opik_stub


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (401, BackendError, r"Opik refuses the key \(HTTP 401\): check COMET_API_KEY"),
        (400, BackendError, r"Opik refuses the run \(HTTP 400\)"),
        (503, BackendUnavailableError, "in time: is it up"),
    ],
)
def test_a_refusal_is_named_with_its_code(
    status: int, error: type[BackendError], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("opik")
    with opik_stub(status=status) as stub:
        monkeypatch.setenv("OPIK_URL_OVERRIDE", stub.url)
        with pytest.raises(error, match=reason) as caught:
            OpikTracker(lambda: open_opik_client("hunter2", "twin"), flush_s=1).log_run(RUN)
    assert "hunter2" not in caught.value.message


def test_files_stay_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opik")
    with opik_stub() as stub:
        monkeypatch.setenv("OPIK_URL_OVERRIDE", stub.url)
        OpikTracker(lambda: open_opik_client("a-key", "twin"), flush_s=1).log_run(RUN)
    assert stub.traces()
    assert not any(b"holds no text" in request.body for request in stub.requests)


def test_the_pages_are_named_without_user_and_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPIK_URL_OVERRIDE", "http://ada:hunter2@localhost:5173/api/")
    assert opik_place() == "http://localhost:5173"
    monkeypatch.delenv("OPIK_URL_OVERRIDE")
    assert opik_place() == "https://www.comet.com/opik"
