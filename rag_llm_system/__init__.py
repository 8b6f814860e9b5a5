"""Ask your own writing: ingestion, an embedded vector index and two servers that answer with citations."""

__version__ = "0.2.0"
