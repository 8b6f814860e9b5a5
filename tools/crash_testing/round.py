"""A round: what its phases share, and what an operation has to say for itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.crash_testing.acknowledged import Entry, append, read
from tools.crash_testing.corpus import Corpus
from tools.crash_testing.findings import Findings
from tools.crash_testing.processes import Work

_ROUND = "round"
_COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Round:
    """One round of an operation. It goes from one state of the corpus to the next.

    Args:
        folder: of this operation; what rounds leave in it, the next ones find.
        models: shared by all homes.
        corpus: the documents; its seed is that of decisions too.
        number: from 1 on.
    """

    folder: Path
    models: Path
    corpus: Corpus
    number: int

    @property
    def home(self) -> Path:
        """The home in which it happens."""
        return self.folder / "home"

    @property
    def log(self) -> Path:
        """What was begun and acknowledged."""
        return self.folder / "acknowledged.jsonl"

    @property
    def vectors(self) -> Path:
        """A home that nothing happens to: it keeps the vectors that were computed to compare with."""
        return self.folder.parent / "vectors"

    @property
    def stop(self) -> Path:
        """A file that ends the companions once it is there."""
        return self.folder / f"stop-{self.number}"

    @property
    def follows_directly(self) -> bool:
        """Whether all is as the round before has left it at its end."""
        try:
            return int((self.folder / _COMPLETED).read_text()) == self.number - 1
        except FileNotFoundError:
            return False

    def note_begin(self) -> None:
        """Notes that from now on all may be otherwise, and marks in the log where this round begins."""
        (self.folder / _COMPLETED).unlink(missing_ok=True)
        append(self.log, [Entry(_ROUND, "begun", "", number=self.number)])

    def note_end(self) -> None:
        """Notes that this round has come to its end, and all is as it should be."""
        (self.folder / _COMPLETED).write_text(str(self.number))

    @property
    def before(self) -> dict[int, int]:
        """The versions of the documents before the operation."""
        return self.corpus.versions(self.number - 1)

    @property
    def after(self) -> dict[int, int]:
        """The versions of the documents after the operation."""
        return self.corpus.versions(self.number)

    def log_entry(self, operation: str, subject: str, *, begun: bool = False, number: int = 0) -> None:
        """Writes down that something was acknowledged, or is begun."""
        append(self.log, [Entry(operation, "begun" if begun else "acknowledged", subject, number=number)])

    def entries(self, operation: str) -> list[Entry]:
        """Gives what this round has written down about an operation."""
        all_ = read(self.log)
        begins = max((at for at, entry in enumerate(all_) if entry.operation == _ROUND), default=0)
        return [entry for entry in all_[begins:] if entry.operation == operation]

    def is_acknowledged(self, operation: str) -> bool:
        """Says whether this round's operation was acknowledged."""
        return any(entry.state == "acknowledged" for entry in self.entries(operation))


@dataclass(frozen=True, slots=True)
class Operation:
    """What is killed, and how it is seen what is left. Each function is called in a process of its own.

    Args:
        name: as on the command line.
        variant: says which kind of it a round is; kinds take different times.
        prepare: brings the folder into the state before the operation, whatever state it is in.
        operate: does it, and writes the log; up to its first `yield` it gets ready.
        look: compares right after the kill.
        complete: does it again to its end, and compares.
        companions: what runs beside it until `Round.stop` is there, and then says what was wrong.
    """

    name: str
    variant: Callable[[Round], str]
    prepare: Callable[[Round], None]
    operate: Callable[[Round], Work]
    look: Callable[[Round], Findings]
    complete: Callable[[Round], Findings]
    companions: Sequence[Callable[[Round], Work]] = ()
