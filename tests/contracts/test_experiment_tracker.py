"""What every experiment tracker does. Opik's server is a stub on loopback that keeps what it is sent."""

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import BackendUnavailableError, InputError
from rag_llm_system.domain.ports.experiment_tracker import ExperimentTracker, TrackedRun
from rag_llm_system.infrastructure.observability.mlflow_store import EXPERIMENT, MlflowStore, named_store, own_store
from rag_llm_system.infrastructure.observability.mlflow_tracker import MlflowTracker
from rag_llm_system.infrastructure.observability.opik_tracker import OpikTracker
from rag_llm_system.infrastructure.opik_utils import FLUSH_S, open_opik_client
from tests.opik_stub import opik_stub

STARTED = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
RUN = TrackedRun(
    name="feature_engineering",
    started_at=STARTED,
    seconds=12.5,
    parameters={"rag_window_tokens": 128, "embed_backend": "onnx", "ratio": 0.5},
    metrics={"indexing/n_windows": 320.0, "seconds": 12.5},
    tags={"pipeline": "feature_engineering"},
    artifacts={"left_out.txt": "a.pdf: holds no text\n"},
)


@dataclass
class Kept:
    """A run as it was read back."""

    name: str
    started_at: datetime
    ended_at: datetime
    failed: bool
    parameters: dict[str, str]
    metrics: dict[str, float]


@dataclass
class Subject:
    tracker: ExperimentTracker
    kept: Callable[[], list[Kept]]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> MlflowStore:
    """MLflow needs seconds to make a store, so the tests share one, each with an experiment of its own."""
    return own_store(tmp_path_factory.mktemp("with a blank") / "mlflow")


@pytest.fixture(params=["mlflow", "opik"])
def subject(request: pytest.FixtureRequest, stores: MlflowStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Subject]:
    pytest.importorskip(request.param)
    if request.param == "mlflow":
        experiment = f"{EXPERIMENT} {request.node.name}"
        yield Subject(MlflowTracker(stores, experiment=experiment), lambda: runs_in_mlflow(stores, experiment))
        return
    with opik_stub() as stub:
        monkeypatch.setenv("OPIK_URL_OVERRIDE", stub.url)
        tracker = OpikTracker(lambda: open_opik_client("a-key", "twin"), flush_s=FLUSH_S)
        yield Subject(tracker, lambda: [run_of_trace(trace) for trace in stub.traces()])


def runs_in_mlflow(store: MlflowStore, experiment: str) -> list[Kept]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=store.uri)
    found = client.get_experiment_by_name(experiment)
    assert found
    return [
        Kept(
            run.info.run_name,
            datetime.fromtimestamp(run.info.start_time / 1000, UTC),
            datetime.fromtimestamp(run.info.end_time / 1000, UTC),
            run.info.status == "FAILED",
            dict(run.data.params),
            dict(run.data.metrics),
        )
        for run in client.search_runs([found.experiment_id])
    ]


def run_of_trace(trace: dict[str, object]) -> Kept:
    given, came_out = trace["input"], trace["output"]
    assert isinstance(given, dict)
    assert isinstance(came_out, dict)
    return Kept(
        str(trace["name"]),
        datetime.fromisoformat(str(trace["start_time"])),
        datetime.fromisoformat(str(trace["end_time"])),
        "error_info" in trace,
        {key: str(value) for key, value in given.items()},
        {key: float(value) for key, value in came_out.items()},
    )


def test_a_run_is_kept_with_its_name_times_parameters_and_metrics(subject: Subject) -> None:
    subject.tracker.log_run(RUN)
    assert subject.kept() == [
        Kept(RUN.name, STARTED, RUN.ended_at, False, {k: str(v) for k, v in RUN.parameters.items()}, dict(RUN.metrics))
    ]


def test_a_run_that_failed_is_kept_as_failed_even_if_it_has_nothing_to_say(subject: Subject) -> None:
    subject.tracker.log_run(TrackedRun("etl", STARTED, 0.0, status="failed"))
    assert [(run.name, run.failed, run.metrics) for run in subject.kept()] == [("etl", True, {})]


def test_each_call_is_a_run(subject: Subject) -> None:
    for _ in range(2):
        subject.tracker.log_run(RUN)
    assert len(subject.kept()) == 2


def test_a_run_with_hundreds_of_values_is_kept_whole(subject: Subject) -> None:
    many = {f"value_{number}": float(number) for number in range(250)}
    subject.tracker.log_run(TrackedRun("etl", STARTED, 1.0, parameters=many, metrics=many))
    (run,) = subject.kept()
    assert (len(run.parameters), run.metrics) == (250, many)


@pytest.mark.parametrize("name", ["mlflow", "opik"])
def test_a_tracker_that_is_away_is_named_without_passwords(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(name)
    address = "http://ada:hunter2@127.0.0.1:9"
    monkeypatch.setenv("OPIK_URL_OVERRIDE", f"{address}/api/")
    tracker: ExperimentTracker = (
        MlflowTracker(named_store(address, tmp_path))
        if name == "mlflow"
        else OpikTracker(lambda: open_opik_client("hunter2", "twin"), flush_s=1)
    )
    with pytest.raises(BackendUnavailableError) as caught:
        tracker.log_run(RUN)
    assert "hunter2" not in caught.value.message
    assert "\n" not in caught.value.message
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_metric_that_is_no_number_is_refused_before_any_tracker_sees_it(number: float) -> None:
    with pytest.raises(InputError, match="'seconds'"):
        TrackedRun("etl", STARTED, 1.0, metrics={"seconds": number})


def test_a_start_without_a_time_zone_is_refused() -> None:
    with pytest.raises(InputError, match="time zone"):
        TrackedRun("etl", STARTED.replace(tzinfo=None), 1.0)
