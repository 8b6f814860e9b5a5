"""Where the collections lie that quality is measured on."""

import os
from pathlib import Path

_BESIDE_THE_CLONE = Path(__file__).resolve().parents[2] / "shared" / "data"


def data_folder(name: str) -> Path:
    """Gives the folder of a collection in RAG_TEST_DATA_DIR, or beside the clone; it need not be there."""
    return Path(os.environ.get("RAG_TEST_DATA_DIR") or _BESIDE_THE_CLONE) / name
