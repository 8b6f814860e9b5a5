"""Where each kind of file may be cut, best places first, as regular expressions for RecursiveCharacterTextSplitter."""

from functools import lru_cache
from pathlib import PurePosixPath

from rag_llm_system.domain.errors import MissingExtraError

_LANGUAGES = {
    ".c": "c", ".h": "c", ".cc": "cpp", ".cpp": "cpp", ".cxx": "cpp", ".hpp": "cpp", ".hh": "cpp",
    ".cs": "csharp", ".ex": "elixir", ".exs": "elixir", ".go": "go", ".hs": "haskell",
    ".html": "html", ".htm": "html", ".java": "java", ".js": "js", ".cjs": "js", ".mjs": "js", ".jsx": "js",
    ".ts": "ts", ".tsx": "ts", ".kt": "kotlin", ".kts": "kotlin", ".lua": "lua",
    ".tex": "latex", ".md": "markdown", ".markdown": "markdown", ".mdx": "markdown", ".mkd": "markdown",
    ".php": "php", ".proto": "proto", ".ps1": "powershell", ".py": "python", ".pyi": "python", ".r": "r",
    ".rb": "ruby", ".rs": "rust", ".rst": "rst", ".scala": "scala", ".sol": "sol", ".swift": "swift", ".cob": "cobol",
}  # fmt: skip
_PROSE = frozenset({"html", "latex", "markdown", "rst"})
_PROSE_SUFFIXES = frozenset({"", ".txt", ".text", ".adoc", ".org"})
_ANYWHERE = ("\n\n", "\n", " ", "")
# A blank line and then an outdented line opens a definition, with its comments and decorators, in nearly every
# language's customary layout; closing brackets belong to what they close.
_OPENS = r"(?=[^\s)\]}])"
_TOP_LEVEL = rf"\n[^\S\n]*\n{_OPENS}"
_NESTED = tuple(rf"\n[^\S\n]*\n(?=(?: {{1,{2 * depth}}}|\t{{1,{depth}}}){_OPENS})" for depth in (1, 2, 4))


def is_code(path: str) -> bool:
    """Tells whether lines mean more than sentences in a file of that name; "" (no file) is prose."""
    suffix = PurePosixPath(path).suffix.lower()
    return bool(path) and suffix not in _PROSE_SUFFIXES and _LANGUAGES.get(suffix) not in _PROSE


def separators_for_path(path: str) -> tuple[str, ...]:
    """Gives the separators for a file, () where prose's own are right.

    Raises:
        MissingExtraError: langchain-text-splitters is not installed.
    """
    language = _LANGUAGES.get(PurePosixPath(path).suffix.lower(), "")
    if is_code(path):
        return (_TOP_LEVEL, *_language_separators(language), *_NESTED, *_ANYWHERE)
    return (*_language_separators(language), *_ANYWHERE) if language else ()


@lru_cache
def _language_separators(language: str) -> tuple[str, ...]:
    """Gives the language's own separators without those for any text."""
    if not language:
        return ()
    try:
        from langchain_text_splitters import Language, RecursiveCharacterTextSplitter
    except ImportError as error:
        raise MissingExtraError("Cutting documents into chunks", "pipelines") from error
    separators = RecursiveCharacterTextSplitter.get_separators_for_language(Language(language))
    return tuple(separator for separator in separators if separator not in _ANYWHERE)
