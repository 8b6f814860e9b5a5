"""The generations of an index, and the draft that becomes the next one."""

from typing import Protocol

from rag_llm_system.domain.generations import Generation, Reader
from rag_llm_system.domain.index_points import PointFilter
from rag_llm_system.domain.ports.vector_index import VectorIndex


class IndexDraft(VectorIndex, Protocol):
    """The next generation while it is made. Nobody else sees it; what a call has acknowledged survives a kill.

    Closing keeps the draft: whoever opens it next goes on from there.
    """

    def erase(self, collection: str, where: PointFilter) -> int:
        """Removes what matches, as `delete` does, and leaves no byte of it in the collection's files."""

    def publish(self, *, switch: bool = True) -> Generation | None:
        """Completes the draft as a generation, makes it the live one where `switch` says so, and closes.

        None, and the draft is gone, where it holds what the live generation holds.

        Raises:
            DiskFullError: there is not enough free space; the draft is kept, the live generation is as it was.
        """


class IndexCatalogue(Protocol):
    """What generations there are. Switching is atomic, and readers follow by themselves."""

    def generations(self) -> list[Generation]:
        """Gives all complete generations, the oldest first."""

    def open_draft(self, *, fresh: bool = False) -> IndexDraft:
        """Opens the draft to be written: the one that was left, else one that begins as the live generation.

        Args:
            fresh: begin with nothing, unless a draft was left that began so and by the same recipe.

        Raises:
            IndexBusyError: another process has it open.
            ConfigurationError: the live generation was made by another recipe than the settings ask for, and `fresh`
                is false.
        """

    def switch(self, number: int) -> None:
        """Makes that generation the live one.

        Raises:
            NotFoundError: there is no such generation.
        """

    def drop(self, number: int) -> None:
        """Removes that generation.

        Raises:
            NotFoundError: there is no such generation.
            InputError: it is the live one.
        """

    def readers(self) -> list[Reader]:
        """Gives the processes that have a generation open; the files of a dropped one live as long as its readers."""

    def close(self) -> None:
        """Lets go of a server's connections; drafts are closed by themselves before."""
