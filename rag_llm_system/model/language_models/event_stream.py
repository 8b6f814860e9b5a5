"""Server-sent events, as far as a stream of chat completions uses them (WHATWG HTML, section 9.2)."""

from collections.abc import Iterable, Iterator

from rag_llm_system.domain.errors import BackendError


def event_data(chunks: Iterable[bytes], *, max_bytes: int) -> Iterator[bytes]:
    """Gives the data of each event that has arrived whole; comments and other fields are left out.

    Lines end at a line feed alone: JSON may hold the other characters that `str.splitlines` takes for line ends. An
    event of a chat completion is a single line of data, so each line is given as soon as it is there.

    Raises:
        BackendError: more than `max_bytes` came.
    """
    waiting, n_bytes = bytearray(), 0
    for chunk in chunks:
        n_bytes += len(chunk)
        if n_bytes > max_bytes:
            raise BackendError(f"The language model's reply is larger than {max_bytes} bytes: ask for fewer tokens.")
        waiting += chunk
        if b"\n" not in chunk:
            continue
        *lines, waiting = waiting.split(b"\n")
        for line in lines:
            field, _, value = line.partition(b":")
            if field == b"data":
                yield bytes(value.strip())
