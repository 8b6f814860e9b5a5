"""From ZenML's artifacts to JSON files."""

from zenml import pipeline
from zenml.enums import ExecutionMode

from steps.export.export_artifacts import export_artifacts


@pipeline(enable_cache=False, execution_mode=ExecutionMode.FAIL_FAST)
def export_artifact_to_json(artifact_names: list[str], output_dir: str) -> None:
    """Writes the latest version of each of these artifacts into that folder."""
    export_artifacts(artifact_names, output_dir)
