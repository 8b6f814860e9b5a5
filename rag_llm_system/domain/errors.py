"""Every error this system raises on purpose, in one tree.

    RagError
    ├── ConfigurationError      settings, files or packages are not as they must be
    │   └── MissingExtraError   an optional package is not installed
    ├── InputError              what the caller sent cannot be used               -> HTTP 4xx
    │   ├── UnsupportedMediaError   no crawler or parser takes this link or type
    │   └── ContextOverflowError    more text than a limit allows; names both numbers
    ├── AccessError             not allowed                                       -> HTTP 401, 403
    ├── NotFoundError           no such thing                                     -> HTTP 404
    ├── BackendError            a store, an engine or a server failed             -> HTTP 502, 503
    │   ├── BackendUnavailableError  it is away; asking again later may help
    │   ├── IndexBusyError      another process holds the embedded index
    │   └── DiskFullError       not enough free space; nothing was written
    ├── IntegrityError          stored data is not what its manifest or checksum says
    └── CapabilityError         this backend cannot do what was asked

A message is one line for a person: what is wrong, then what to do. It never holds a secret or a document's text.
"""


class RagError(Exception):
    """The root of the tree. `message` is one line that a person can act on."""

    retryable = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigurationError(RagError):
    """Settings, files or packages are not as they must be."""


class MissingExtraError(ConfigurationError):
    """An optional package is not installed; the message names the extra to install."""

    def __init__(self, what: str, extra: str) -> None:
        in_clone = f"in a clone .venv/bin/pip install -c constraints.txt -e '.[{extra}]'"
        how = f"install it with pip install 'rag_llm_system[{extra}]', {in_clone}"
        super().__init__(f"{what} cannot be used without the extra '{extra}': {how}")
        self.extra = extra


class InputError(RagError):
    """What the caller sent cannot be used as it is."""


class UnsupportedMediaError(InputError):
    """No crawler takes this link, or no parser takes this media type."""


class ContextOverflowError(InputError):
    """More text than a limit allows; the message names both numbers and the setting."""


class AccessError(RagError):
    """The caller may not do this."""


class NotFoundError(RagError):
    """No such document, user, file or collection."""


class BackendError(RagError):
    """A store, an engine or a server failed while doing what it was asked."""


class BackendUnavailableError(BackendError):
    """A store, an engine or a server is away; asking again later may help."""

    retryable = True


class IndexBusyError(BackendError):
    """Another process holds the embedded index; the message names it."""

    retryable = True


class DiskFullError(BackendError):
    """There is not enough free space to go on; what was acknowledged is kept."""


class IntegrityError(RagError):
    """Stored data is not what its manifest or its checksum says."""


class CapabilityError(RagError):
    """This backend cannot do what was asked, and says so instead of answering wrongly."""
