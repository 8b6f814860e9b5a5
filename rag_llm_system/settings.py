"""Settings: every key that can be set, where it comes from, what it does.

Values come from the environment, then from `.env` in the working directory, then from the profile that RAG_PROFILE
names, then from the defaults here. Keys of our own start with `RAG_`, and one that is not known is refused, since it is
likely a typing error. The others are the names that users of the LLM-Twin architecture know. ZenML's secret store is
read only by `tools`, when asked.
"""

import difflib
import os
from collections.abc import Iterable
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_data_path
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.settings_files import CLONE, ENV_FILE, keys_in, profile_file

MB = 1_000_000
"""Bytes: what the fields that end in _mb count."""
_KEYS_OF_OTHERS = {"RAG_TEST_DATA_DIR"}


def _kept_for_later(default: Any, *, description: str, **constraints: Any) -> Any:
    """Gives a field whose key is known and checked, though nothing reads it yet."""
    return Field(default, description=description, json_schema_extra={"in_use": False}, **constraints)


class Settings(BaseSettings):
    """All settings. The name of a key is the field's name in capitals, or its alias."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    # --- where things are kept
    rag_profile: str | None = Field(
        None,
        description="Profile beneath the environment and .env: laptop, server or edge of configs/profiles, or a path "
        "to a file like .env. Unset: the defaults, which are those of a laptop.",
    )
    rag_home: Path = Field(
        default_factory=lambda: _default_home(),
        description="The folder that holds all state: documents, index, models, runs. "
        "Unset: .rag in the clone; for an installed wheel the user data folder of the platform.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="SQLAlchemy URL of the document store, such as postgresql://user@host/twin. "
        "Unset: an SQLite file under RAG_HOME.",
    )
    database_host: SecretStr | None = Field(
        None, description="MongoDB address, mongodb:// or mongodb+srv://. Set, it is the document store."
    )
    database_name: str = Field("twin", min_length=1, description="Name of the database in MongoDB.")
    rag_database_timeout_s: float = Field(
        10.0, gt=0, le=600, description="How long a database server may take to connect, and for each answer."
    )
    redis_url: SecretStr | None = _kept_for_later(None, description="Redis, for caches that several processes share.")

    # --- vector store
    rag_vector_backend: Literal["qdrant"] = Field(
        "qdrant", description="Vector store: embedded in the process, unless a server or the cloud is named below."
    )
    rag_vector_compression: Literal["float32", "float16", "turbo16", "turbo8", "int8", "turbo4", "turbo2", "binary"] = (
        Field("float32", description="How the embedded index stores vectors: docs/benchmarks/stores.md.")
    )
    rag_bm25_k1: float = Field(1.2, ge=0, description="BM25: how much repeating a word in a text counts.")
    rag_bm25_b: float = Field(0.75, ge=0, le=1, description="BM25: how much a text's length counts.")
    rag_bm25_language: str = Field(
        "english",
        description="BM25: language of the documents, such as german, for stop words and stemmer. none: neither. "
        "multilingual, chinese, japanese: scripts without spaces are cut into words.",
    )
    rag_bm25_stop_words: bool = Field(True, description="BM25: whether the language's stop words are left out.")
    rag_bm25_stemmer: bool = Field(
        True, description="BM25: whether words are stemmed, where the language has a stemmer."
    )
    rag_index_part_windows: int = Field(
        50_000,
        ge=1_000,
        description="Windows after which a part of the embedded index gets its graph. More: cheaper search beyond so "
        "many, and more memory to build, about 10 KB a window.",
    )
    rag_keep_generations: int = Field(
        1, ge=0, description="Generations of the index older than the live one that are kept, to roll back to."
    )
    rag_min_free_mb: int = Field(200, ge=0, description="Free disk space in MB that writing to the index must leave.")
    qdrant_database_host: str | None = Field(
        None, description="Host of a Qdrant server. Unset: the embedded index under RAG_HOME."
    )
    qdrant_database_port: int = Field(6333, ge=1, le=65535, description="Port of the Qdrant server.")
    use_qdrant_cloud: bool = Field(False, description="Use the Qdrant cloud, or any Qdrant server behind an address.")
    qdrant_cloud_url: str | None = Field(None, description="Address of the Qdrant cloud cluster.")
    qdrant_apikey: SecretStr | None = Field(None, description="Key for the Qdrant server or cloud.")
    rag_qdrant_timeout_s: float = Field(
        30.0, gt=0, le=600, description="How long a request to the Qdrant server may take."
    )
    weaviate_url: str | None = _kept_for_later(None, description="Address of a Weaviate server.")
    weaviate_api_key: SecretStr | None = _kept_for_later(None, description="Key for Weaviate.")

    # --- embedding
    text_embedding_model_id: str = Field(
        "sentence-transformers/all-MiniLM-L6-v2",
        validation_alias=AliasChoices("TEXT_EMBEDDING_MODEL_ID", "EMBED_MODEL"),
        description="Embedding model: a name on the hub or a local folder.",
    )
    embed_backend: Literal["auto", "onnx", "openvino", "torch"] = Field(
        "auto", description="What runs the embedder. auto: what is installed and fastest on this CPU."
    )
    embed_batch: int = Field(128, ge=1, description="Windows that are embedded and stored at a time.")
    rag_embed_precision: Literal["int8", "bf16", "fp32"] = Field(
        "int8", description="How exact vectors are at least. bf16 needs OpenVINO or torch."
    )
    rag_embed_processes: int | None = Field(
        None, ge=1, le=256, description="Processes that embed while an index is made. Unset: one a core; 1: its own."
    )
    rag_embed_threads: int = Field(1, ge=1, description="Threads of the embedder in one process.")
    rag_model_device: str = Field("cpu", description="Device of torch models: cpu, cuda, cuda:1, mps, auto.")
    rag_embedding_cache_mb: int = Field(
        512, ge=0, description="Embeddings that are kept, so that the same text is not embedded again, in MB. 0: none."
    )
    rag_allow_download: bool = Field(True, description="Whether missing weights may be fetched from the hub.")
    huggingface_access_token: SecretStr | None = Field(None, description="Token for gated models on the hub.")

    # --- chunks and windows
    rag_article_chunk_min_chars: int = Field(1000, ge=1, description="Shortest chunk of an article, in characters.")
    rag_article_chunk_max_chars: int = Field(2000, ge=1, description="Longest chunk of an article, in characters.")
    rag_post_chunk_tokens: int = Field(250, ge=1, description="Chunk size of posts, in tokens.")
    rag_post_chunk_overlap: int = Field(25, ge=0, description="Overlap of the chunks of posts, in tokens.")
    rag_repository_chunk_tokens: int = Field(1500, ge=1, description="Chunk size of repositories, in tokens.")
    rag_repository_chunk_overlap: int = Field(100, ge=0, description="Overlap of repositories' chunks, in tokens.")
    rag_chunking: Literal["category", "fixed", "overlapping", "semantic", "hierarchical"] = Field(
        "category",
        description="How documents are cut: each category its own way, or all in one way (docs/chunking.md).",
    )
    rag_chunk_tokens: int = Field(
        350,
        ge=16,
        description="Longest fixed, overlapping or semantic chunk, in tokens; categories have sizes of their own.",
    )
    rag_chunk_overlap: int = Field(50, ge=0, description="Overlap of overlapping chunks, in tokens.")
    rag_parent_chunk_tokens: int = Field(
        1000, ge=16, description="Longest hierarchical chunk, the parent of its windows, in tokens."
    )
    rag_window_tokens: int = Field(128, ge=16, description="Longest text that is embedded as one vector, in tokens.")
    chunk_size: int = _kept_for_later(700, ge=1, description="Chunk size of uploads through the API, in tokens.")
    chunk_overlap: int = _kept_for_later(150, ge=0, description="Overlap of the chunks of uploads, in tokens.")

    # --- questions
    top_k: int = Field(4, ge=1, le=20, description="Passages that an answer is made from.")
    rag_candidates: int = Field(9, ge=3, description="k: chunks that retrieval gives to reranking or the context.")
    rag_phrasings: int = Field(
        1, ge=1, le=3, description="Query expansion: phrasings of a question that are searched, itself counted."
    )
    rag_prefetch: int = Field(100, ge=1, description="Windows that each half of a search contributes to the fusion.")
    rag_passage_chars: int = Field(
        2000, ge=100, description="Longest passage: of a longer chunk, what is around the window that was found."
    )
    rag_context_tokens: int = Field(4000, ge=100, description="Tokens of passages that an answer engine is given.")
    rag_max_question_chars: int = Field(4000, ge=1, description="Longest question, in characters.")
    rag_rerank: Literal["off", "learned", "cross-encoder"] = Field(
        "off",
        description="What reorders what was found: nothing, a small learned ranker, or a cross-encoder.",
    )
    rag_rerank_backend: Literal["onnx", "torch"] = Field("onnx", description="What runs the cross-encoder.")
    rag_rerank_precision: Literal["int8", "fp32"] = Field("int8", description="Precision of the ONNX cross-encoder.")
    rag_rerank_budget_ms: int = Field(
        500, ge=1, description="How long a cross-encoder may take; what it has not judged by then keeps its order."
    )
    reranking_cross_encoder_model_id: str = Field(
        "cross-encoder/ms-marco-MiniLM-L-4-v2", description="Cross-encoder: a name on the hub or a local folder."
    )

    # --- the two servers
    rag_api_host: str = Field("127.0.0.1", description="Address of the main API.")
    rag_api_port: int = Field(8001, ge=0, le=65535, description="Port of the main API.")
    rag_trust_network: bool = Field(
        False,
        description="Whether the main API may listen on other addresses than this machine's own: only where something "
        "in front, such as a container's port that is published on 127.0.0.1, decides who reaches it.",
    )
    rag_model_server_host: str = Field("127.0.0.1", description="Address of the model server.")
    rag_model_server_port: int = Field(8000, ge=0, le=65535, description="Port of the model server.")
    rag_model_server_url: str | None = Field(
        None, description="Where the main API finds the model server. Unset: RAG_MODEL_SERVER_HOST and _PORT."
    )
    rag_model_server_timeout_s: float = Field(
        60.0, gt=0, le=3600, description="How long the main API waits for an answer."
    )
    rag_answer_engine: Literal["extractive"] = Field("extractive", description="What the model server answers with.")
    rag_min_confidence: float = Field(
        0.25,
        ge=0,
        le=1,
        description="How sure the extractive engine must be that its quotes answer: below, it says that the sources "
        "hold no answer. 0: it never says so.",
    )
    rag_answer_fallback: bool = Field(
        True, description="Whether the main API quotes the sources itself while the model server is away."
    )
    rag_max_running: int = Field(8, ge=1, description="Requests that a server works on at a time.")
    rag_max_waiting: int = Field(64, ge=0, description="Requests that may wait; beyond that a server answers 503.")
    max_new_tokens_inference: int = Field(150, ge=1, le=8192, description="Longest generated answer, in tokens.")
    temperature_inference: float = _kept_for_later(0.01, ge=0, description="Sampling temperature of language models.")
    top_p_inference: float = _kept_for_later(0.9, gt=0, le=1, description="Nucleus sampling of language models.")

    # --- language models
    rag_language_model_url: str | None = Field(
        None,
        description="OpenAI-compatible server whose model helps to understand questions: OpenAI, vLLM, llama-server, "
        "Ollama; such as http://127.0.0.1:8080/v1. Unset: none is asked.",
    )
    rag_question_model_timeout_s: float = Field(
        3.0, gt=0, le=60, description="How long it may take for each thing that it is asked; then the rules do it."
    )
    model_path: Path | None = _kept_for_later(
        None, description="GGUF file or safetensors folder of the language model."
    )
    ctx: int = _kept_for_later(8192, ge=256, description="Context window of the language model, in tokens.")
    n_gpu_layers: int = _kept_for_later(24, ge=0, description="Layers that llama.cpp keeps on the GPU.")
    n_batch: int = _kept_for_later(256, ge=1, description="Prompt tokens that llama.cpp reads at a time.")
    vllm_port: int = _kept_for_later(8003, ge=1, le=65535, description="Port of a local vLLM server.")
    hf_model_id: str = _kept_for_later("mlabonne/TwinLlama-3.1-8B-DPO", description="Language model on the hub.")
    openai_model_id: str = Field("gpt-4o-mini", min_length=1, description="Model of the OpenAI-compatible server.")
    openai_api_key: SecretStr | None = Field(None, description="Key for the OpenAI-compatible server.")
    sagemaker_endpoint_inference: str = _kept_for_later("twin", description="SageMaker endpoint.")
    aws_region: str | None = _kept_for_later(None, description="AWS region.")
    aws_access_key: SecretStr | None = _kept_for_later(None, description="AWS access key.")
    aws_secret_key: SecretStr | None = _kept_for_later(None, description="AWS secret key.")

    # --- backup
    rag_backup_passphrase: SecretStr | None = Field(
        None, description="Passphrase of encrypted backups; unset, it is asked for."
    )

    # --- tracking and sources
    rag_tracking: bool = Field(
        True, description="Whether runs are tracked in MLflow (extra: tracking) and Opik (extra: opik, with a key)."
    )
    rag_mlflow_uri: SecretStr | None = Field(
        None, description="MLflow tracking server or store. Unset: a file under RAG_HOME."
    )
    comet_api_key: SecretStr | None = Field(None, description="Key for Opik.")
    comet_project: str = Field("twin", min_length=1, description="Project in Opik.")
    linkedin_username: str | None = _kept_for_later(None, description="LinkedIn login.")
    linkedin_password: SecretStr | None = _kept_for_later(None, description="LinkedIn password.")
    rag_max_file_mb: float = Field(100, gt=0, description="Larger files are reported and left out.")
    rag_max_repository_mb: float = Field(500, gt=0, description="Larger git repositories are refused.")
    rag_git_tokens: SecretStr | None = Field(
        None,
        description="Access tokens for private repositories by host (with its port, where that is not the usual one), "
        "such as github.com=TOKEN,git.example.org:8443=TOKEN.",
    )
    rag_git_timeout_s: float = Field(300.0, gt=0, description="How long a git repository may take to fetch.")
    rag_web_timeout_s: float = Field(30.0, gt=0, description="How long a web page may take to fetch.")
    rag_max_page_mb: float = Field(10, gt=0, description="Larger web pages are reported and left out.")
    rag_max_pages: int = Field(200, ge=1, description="Pages that one feed or sitemap may lead to.")
    rag_web_pause_s: float = Field(1.0, ge=0, description="Pause between two pages of one web host.")
    rag_private_networks: str = Field(
        "",
        description="Networks that web pages and git repositories may be fetched from though they are not public, "
        "such as 10.0.0.0/8,127.0.0.0/8.",
    )
    rag_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("WARNING", description="What is logged.")

    @cached_property
    def home(self) -> Path:
        """RAG_HOME as an absolute path."""
        return self.rag_home.expanduser().absolute()

    @property
    def git_tokens(self) -> dict[str, str]:
        """RAG_GIT_TOKENS: a token for each host."""
        pairs = (entry.partition("=") for entry in _entries(_plain(self.rag_git_tokens)))
        return {host.strip().lower(): token.strip() for host, _, token in pairs}

    @property
    def private_networks(self) -> tuple[str, ...]:
        """RAG_PRIVATE_NETWORKS, one by one."""
        return _entries(self.rag_private_networks)

    @field_validator("rag_rerank", mode="before")
    @classmethod
    def _read_what_it_was_before(cls, value: Any) -> Any:
        """Up to 0.2.0 it was true or false, in every way that pydantic reads; old files and backups still say so."""
        if str(value).lower() in ("true", "1", "yes", "y", "on", "t"):
            return "cross-encoder"
        return "off" if str(value).lower() in ("false", "0", "no", "n", "off", "f") else value

    @field_validator("rag_git_tokens")
    @classmethod
    def _refuse_tokens_without_host(cls, tokens: SecretStr | None) -> SecretStr | None:
        if not all(host.strip() and token for host, _, token in (e.partition("=") for e in _entries(_plain(tokens)))):
            raise ValueError("write it like github.com=TOKEN,gitlab.com=TOKEN")
        return tokens

    @field_validator("rag_private_networks")
    @classmethod
    def _refuse_what_is_no_network(cls, networks: str) -> str:
        for network in _entries(networks):
            ip_network(network)
        return networks

    @property
    def model_server_url(self) -> str:
        """Where the main API finds the model server."""
        return self.rag_model_server_url or server_url(self.rag_model_server_host, self.rag_model_server_port)


def server_url(host: str, port: int) -> str:
    """Gives the address of a server; IPv6 hosts stand in brackets (RFC 3986)."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _entries(listed: str) -> tuple[str, ...]:
    """Gives what stands between the commas."""
    return tuple(entry.strip() for entry in listed.split(",") if entry.strip())


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def load_settings(**overrides: Any) -> Settings:
    """Gives the settings; `overrides` (field names) win over environment and `.env`.

    Raises:
        ConfigurationError: a value cannot be used, a key that starts with RAG_ is not known, or there is no such
            profile.
    """
    profile = profile_file(overrides.get("rag_profile"))
    files = [ENV_FILE] if profile is None else [str(profile), ENV_FILE]
    try:
        _refuse_unknown_keys(files)
        return Settings(**{"_env_file": files, **_taken_back(profile), **overrides})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = str(first["loc"][0]).upper() if first["loc"] else "settings"
        what = f"{key} cannot be used: {first['msg'].removeprefix('Value error, ')}."
        raise ConfigurationError(f"{what} Change it in the environment or in {' or '.join(files[::-1])}.") from None


def known_keys() -> dict[str, str]:
    """Gives every key that is read, in the order of the fields, with the name of its field."""
    keys: dict[str, str] = {}
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        names = alias.choices if isinstance(alias, AliasChoices) else [name.upper()]
        keys.update({str(key): name for key in names})
    return keys


def _default_home() -> Path:
    return CLONE / ".rag" if (CLONE / "pyproject.toml").is_file() else user_data_path("rag_llm_system")


def _taken_back(profile: Path | None) -> dict[str, Any]:
    """Gives the defaults of the fields that the profile sets, and the environment or `.env` sets to nothing.

    Elsewhere an empty value counts as unset; here it has to reach through to the profile.
    """
    if profile is None:
        return {}
    above: list[dict[str, str | None]] = [keys_in(ENV_FILE), {key.upper(): value for key, value in os.environ.items()}]
    emptied = [
        field
        for key, field in known_keys().items()
        if keys_in(profile).get(key)
        and any(keys.get(key) == "" for keys in above)
        and not any(keys.get(key) for keys in above)
    ]
    return {field: Settings.model_fields[field].get_default(call_default_factory=True) for field in emptied}


def _refuse_unknown_keys(files: list[str]) -> None:
    known = {*known_keys(), *_KEYS_OF_OTHERS}
    keys_by_place: dict[str, Iterable[str]] = {
        "the environment": os.environ,
        **{file: keys_in(file) for file in files},
    }
    for place, keys in keys_by_place.items():
        for key in sorted({key.upper() for key in keys}):
            if key.startswith("RAG_") and key not in known:
                close = difflib.get_close_matches(key.removeprefix("RAG_"), known, n=1, cutoff=0.75)
                close += difflib.get_close_matches(key, known, n=1)
                hint = f" Did you mean {close[0]}?" if close else ""
                raise ConfigurationError(f"{key} is not a setting.{hint} Remove it from {place}.")
