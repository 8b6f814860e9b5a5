"""The embedder of the extra openvino: long texts in batches on OpenVINO, short ones on ONNX Runtime."""

import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.domain.errors import MissingExtraError
from rag_llm_system.model.embeddings.onnx_cache import built_model
from rag_llm_system.model.embeddings.onnx_embedder import OnnxEmbedder
from rag_llm_system.model.embeddings.onnx_kinds import OpenVinoPrecision, Precision
from rag_llm_system.model.embeddings.openvino_model import OpenVinoModel

SHORT_TOKENS = 32
"""Up to here ONNX Runtime takes less time for a text that comes alone, as questions do."""
BATCH = 8
"""Texts that are read together; more were no faster."""
_STEP = 16
"""Lengths are padded to multiples of this: memory is kept for every shape that was seen."""


class OpenVinoEmbedder(OnnxEmbedder):
    """An `Embedder` port. A process that is asked short texts alone never loads OpenVINO.

    Texts that are not short are padded to a multiple of 16 and read beside others of that same length,
    the longest first. So a vector depends on its text alone here too: scales are fixed, and rows are independent.

    Args:
        model_id, weights_dir, cache_dir, n_threads, on_message: as `OnnxEmbedder` takes them.
        precision: int8, calibrated once when the model is built, or bf16, which needs no calibration.
        short_precision: of the short texts.
        short_tokens: the most tokens of a short text, the special ones included.

    Raises:
        MissingExtraError: the extra openvino is not installed.
        ConfigurationError: the model is of a kind that needs torch.
        IntegrityError: a file of the folder is damaged.
    """

    def __init__(
        self,
        *,
        model_id: str,
        weights_dir: Path,
        cache_dir: Path,
        precision: OpenVinoPrecision = "int8",
        short_precision: Precision = "int8",
        short_tokens: int = SHORT_TOKENS,
        n_threads: int = 1,
        on_message: Callable[[str], None] = lambda _message: None,
    ) -> None:
        if find_spec("openvino") is None:
            raise MissingExtraError("this embedder", "openvino")
        super().__init__(
            model_id=model_id,
            weights_dir=weights_dir,
            cache_dir=cache_dir,
            precision=short_precision,
            promised="int8",
            n_threads=n_threads,
            on_message=on_message,
        )
        self._long_precision = precision
        self._short_tokens = short_tokens
        self._loading_long = threading.Lock()
        self._long: OpenVinoModel | None = None

    def _read(self, token_ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        vectors = np.empty((len(token_ids), self.dimension), np.float32)
        lengths = [len(ids) for ids in token_ids]
        short = [place for place, length in enumerate(lengths) if length <= self._short_tokens]
        vectors[short] = super()._read([token_ids[place] for place in short])
        for places, n_padded in batches(lengths, longer_than=self._short_tokens, longest=self._config.max_length):
            ids = np.zeros((len(places), n_padded), np.int64)
            mask = np.zeros_like(ids)
            for row, place in enumerate(places):
                ids[row, : lengths[place]] = token_ids[place]
                mask[row, : lengths[place]] = 1
            vectors[places] = self._loaded_long().run(ids, mask)
        return vectors

    def _loaded_long(self) -> OpenVinoModel:
        with self._loading_long:
            if self._long is None:
                model = built_model(
                    weights_dir=self._weights_dir,
                    cache_dir=self._cache_dir,
                    precision="batched-int8" if self._long_precision == "int8" else "batched-fp32",
                    on_message=self._on_message,
                )
                self._long = OpenVinoModel(model, n_threads=self._n_threads)
            return self._long


def batches(lengths: Sequence[int], *, longer_than: int, longest: int) -> Iterator[tuple[list[int], int]]:
    """Gives the places of texts that are read together and the length that they are padded to, the longest first.

    Args:
        lengths: of the texts, in tokens.
        longer_than: shorter texts and those of this length are left out.
        longest: the most tokens that the model reads.
    """

    def padded(place: int) -> int:
        return min(-(-lengths[place] // _STEP) * _STEP, longest)

    places = [place for place, length in enumerate(lengths) if length > longer_than]
    for n_padded, alike in groupby(sorted(places, key=padded, reverse=True), key=padded):
        together = list(alike)
        for start in range(0, len(together), BATCH):
            yield together[start : start + BATCH], n_padded
