"""What each kind of process needs, as objects: `bootstrap` fills these, the shell and the servers use them."""

from dataclasses import dataclass

from rag_llm_system.application.indexing.indexer import Indexer
from rag_llm_system.application.ingestion.ingest import Ingestion
from rag_llm_system.application.ingestion.warehouse import Warehouse
from rag_llm_system.application.rag.generation import GroundedAnswering
from rag_llm_system.application.rag.retriever import ContextRetriever
from rag_llm_system.domain.ports.answer_engine import AnswerEngine
from rag_llm_system.domain.ports.document_store import DocumentStore, UserStore
from rag_llm_system.domain.ports.index_catalogue import IndexDraft


@dataclass(frozen=True, slots=True)
class IngestionServices:
    """For bringing writing in: `digital_data_etl`, import and export."""

    documents: DocumentStore
    users: UserStore
    ingestion: Ingestion
    warehouse: Warehouse


@dataclass(frozen=True, slots=True)
class IndexingServices:
    """For `feature_engineering`: `indexer` writes to `draft`, which becomes the index when it is published."""

    documents: DocumentStore
    users: UserStore
    indexer: Indexer
    draft: IndexDraft


@dataclass(frozen=True, slots=True)
class AnsweringServices:
    """For the main API; `retriever`, which `answering` asks, is for evaluation."""

    answering: GroundedAnswering
    retriever: ContextRetriever


@dataclass(frozen=True, slots=True)
class ModelServices:
    """For the model server."""

    engine: AnswerEngine
