"""How vectors are stored and searched: as they are, in fewer bits, or found by a small copy and scored by a better one.

Of 300 SciFact test questions on 17,000 windows (recall, error: 16,000), exact search, limit 108 as the retriever asks:
recall@10 against float32; CPU ms of a query, median of 900, all asked in turn on a busy machine; largest error of a
score; bytes of a vector.

    name      recall@10   CPU ms   error     bytes
    float32   1.0000      2.17     7e-07     1536
    float16   0.9997      1.14     7e-05      768
    turbo16   1.0000      0.94     8e-06      772
    turbo8    0.9953      0.54     1e-03      388
    int8      0.9997      0.83     7e-05      768 + 388
    turbo4    0.9997      0.63     7e-05      768 + 196
    turbo2    0.9997      0.57     7e-05      768 + 100
    binary    0.9987      0.70     7e-05      768 +  48

`python -m tools.bench stores` measures them all; docs/benchmarks/stores.md says which to take.
"""

from dataclasses import dataclass

import qdrant_edge as edge

from rag_llm_system.domain.errors import ConfigurationError

DEFAULT_COMPRESSION = "float32"

Quantization = edge.ScalarQuantizationConfig | edge.TurboQuantQuantizationConfig | edge.BinaryQuantizationConfig | None

# What a search by the small copy hands on to be scored by the stored vectors, at the least. Small limits would
# otherwise lose: at limit 10, twice as many of turbo2 find 0.985 of the first 10.
_LEAST_RESCORED = 200
# The graph that the engine builds if it is told nothing. It is told, as it otherwise keeps what a shard had before.
_GRAPH = edge.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=10_000)
_NO_GRAPH = edge.HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=10_000)
# New points stay as they were written until they are so many: 13,000 or 1,300 of 384 components of 16 bits.
_GRAPH_FROM_KB = 10_000
_PACKED_FROM_KB = 1_000
# Four parts and what new points go to: where there are more, the engine merges the smallest.
_SEGMENTS = 5


@dataclass(frozen=True, slots=True)
class Compression:
    """A way to store and search vectors.

    Args:
        name: as settings and recipes call it.
        datatype: of the stored vectors, which give the scores and which are read back; None: float32.
        quantization: of the small copy that is searched first; None: there is none.
        oversampling: how many times the limit the small copy hands on to be scored.
        scan_speed: how many times as fast as float32 an exact search is.
    """

    name: str
    datatype: edge.VectorStorageDatatype | None = None
    quantization: Quantization = None
    oversampling: float = 1.0
    scan_speed: float = 1.0

    def graph_from_points(self, float32_graph_from_points: int) -> int:
        """Gives at how many points a graph pays, where it is known for float32: a faster scan needs it later."""
        return int(self.scan_speed * float32_graph_from_points)

    def vector_params(self, dimension: int, *, graph: bool, is_written: bool) -> edge.EdgeVectorParams:
        """Gives how a shard stores dense vectors; without `graph`, optimising leaves them to exact search."""
        memory = edge.Memory.Cold if is_written or self.quantization is not None else edge.Memory.Cached
        if self.datatype is None:
            return edge.EdgeVectorParams(size=dimension, distance=edge.Distance.Cosine, memory=memory)
        return edge.EdgeVectorParams(
            size=dimension,
            distance=edge.Distance.Cosine,
            datatype=self.datatype,
            quantization_config=self.quantization,
            hnsw_config=_GRAPH if graph else _NO_GRAPH,
            memory=memory,
        )

    @property
    def optimises_without_graph(self) -> bool:
        """Whether optimising is worth it where no graph is built.

        It makes the copy of int8, and it packs what was written: of 50,000 windows (turbo4) a reader then has 16 MB of
        its own instead of 42, and 65 MB mapped instead of 101, for 4 CPU seconds.
        """
        return self.datatype is not None

    def optimizers(self, *, graph: bool) -> edge.EdgeOptimizersConfig:
        """Gives from what size on optimising touches new points, and from how many parts on it merges some."""
        from_kb = _GRAPH_FROM_KB if graph or self.datatype is None else _PACKED_FROM_KB
        return edge.EdgeOptimizersConfig(indexing_threshold=from_kb, default_segment_number=_SEGMENTS)

    def keyword_memory(self, *, is_written: bool) -> edge.Memory | None:
        """Gives where the keyword half lies: mapped, so that processes share it; None leaves it to the engine."""
        if is_written:
            return edge.Memory.Cold
        return None if self.datatype is None else edge.Memory.Cached

    def search_params(self, limit: int, hnsw_ef: int) -> edge.SearchParams:
        """Gives how a dense search goes; scores are always those of the stored vectors."""
        if self.quantization is None:
            return edge.SearchParams(hnsw_ef=hnsw_ef)
        oversampling = max(self.oversampling, _LEAST_RESCORED / limit)
        rescoring = edge.QuantizationSearchParams(rescore=True, oversampling=oversampling)
        return edge.SearchParams(hnsw_ef=hnsw_ef, quantization=rescoring)


# Mapped and not pinned: what several processes have open they then share.
_MAPPED = edge.Memory.Cached
_TABLE = (
    Compression(DEFAULT_COMPRESSION),
    Compression("float16", edge.VectorStorageDatatype.Float16, scan_speed=2.0),
    Compression("turbo16", edge.VectorStorageDatatype.Turbo16, scan_speed=2.0),
    Compression("turbo8", edge.VectorStorageDatatype.Turbo8, scan_speed=4.0),
    Compression(
        "int8",
        edge.VectorStorageDatatype.Float16,
        edge.ScalarQuantizationConfig(type=edge.ScalarType.Int8, quantile=0.99, memory=_MAPPED),
        oversampling=2.0,
        scan_speed=3.0,
    ),
    Compression(
        "turbo4",
        edge.VectorStorageDatatype.Float16,
        edge.TurboQuantQuantizationConfig(bits=edge.TurboQuantBitSize.Bits4, memory=_MAPPED),
        oversampling=2.0,
        scan_speed=4.0,
    ),
    Compression(
        "turbo2",
        edge.VectorStorageDatatype.Float16,
        edge.TurboQuantQuantizationConfig(bits=edge.TurboQuantBitSize.Bits2, memory=_MAPPED),
        oversampling=3.0,
        scan_speed=4.0,
    ),
    Compression(
        "binary",
        edge.VectorStorageDatatype.Float16,
        edge.BinaryQuantizationConfig(memory=_MAPPED),
        oversampling=8.0,
        scan_speed=3.0,
    ),
)
COMPRESSIONS = {compression.name: compression for compression in _TABLE}


def compression_named(name: str) -> Compression:
    """Gives the compression of that name.

    Raises:
        ConfigurationError: there is none.
    """
    if name not in COMPRESSIONS:
        raise ConfigurationError(f"there is no compression {name!r}: choose one of {', '.join(COMPRESSIONS)}")
    return COMPRESSIONS[name]
