"""Downloads from a hub of our own, on loopback, in a process that is not told to stay offline."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.tiny_bert import make_tiny_bert

COMMIT = "c" * 40
LOCATE = """
import sys
from pathlib import Path
from rag_llm_system.domain.errors import RagError
from rag_llm_system.model.embeddings.weights import locate_weights
try:
    endpoint, cache_dir = sys.argv[1:]
    print(locate_weights("somebody/tiny", cache_dir=Path(cache_dir), allow_download=True, hub_endpoint=endpoint))
except RagError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = make_tiny_bert(tmp_path / "served", pooling="cls")
    (folder / "pytorch_model.bin").write_bytes(b"not wanted")
    return folder


def locate(served: Path, cache_dir: Path, *, without: str = "") -> str:
    with hub(served, without) as endpoint:
        command = [sys.executable, "-c", LOCATE, endpoint, str(cache_dir)]
        environment = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return result.stdout.strip()


def test_a_download_brings_what_is_needed_and_no_more(served: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "somebody--tiny"
    assert locate(served, tmp_path / "cache") == str(folder)
    for name in ("model.safetensors", "tokenizer.json", "modules.json", "1_Pooling/config.json"):
        assert (folder / name).read_bytes() == (served / name).read_bytes()
    assert not (folder / "pytorch_model.bin").exists()


def test_a_download_that_broke_off_is_not_taken_for_a_model_and_can_go_on(served: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "somebody--tiny"
    answer = locate(served, tmp_path / "cache", without="1_Pooling/config.json")
    assert answer.startswith("ConfigurationError no weights of somebody/tiny: the hub did not give it")
    assert not folder.exists()
    assert locate(served, tmp_path / "cache") == str(folder)


def test_a_model_without_safetensors_is_refused(served: Path, tmp_path: Path) -> None:
    (served / "model.safetensors").unlink()
    assert "on the hub it has no model.safetensors" in locate(served, tmp_path / "cache")


@contextmanager
def hub(folder: Path, without: str) -> Iterator[str]:
    """Serves the folder as the hub's repository somebody/tiny; the file `without` is listed but cannot be had."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = hub_answer(folder, self.path, without)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.send_header("ETag", hashlib.sha1(body or b"").hexdigest())
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body or b"")

        do_HEAD = do_GET

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def hub_answer(folder: Path, path: str, without: str) -> bytes | None:
    names = [file.relative_to(folder).as_posix() for file in sorted(folder.rglob("*")) if file.is_file()]
    if path.startswith("/api/models/somebody/tiny/revision/"):
        files = [{"rfilename": name} for name in names]
        return json.dumps({"id": "somebody/tiny", "sha": COMMIT, "siblings": files}).encode()
    if path.startswith("/api/models/somebody/tiny/tree/"):
        sizes = {name: (folder / name).stat().st_size for name in names}
        return json.dumps([{"type": "file", "path": n, "size": s, "oid": "0" * 40} for n, s in sizes.items()]).encode()
    name = path.partition(f"/resolve/{COMMIT}/")[2]
    return (folder / name).read_bytes() if name in names and name != without else None
