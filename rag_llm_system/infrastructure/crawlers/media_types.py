"""Which media type a file's name stands for."""

from pathlib import PurePath

MARKDOWN = "text/markdown"
RST = "text/x-rst"
HTML = "text/html"
PLAIN_TEXT = "text/plain"

_WRITING = {
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".mdown": MARKDOWN,
    ".mkd": MARKDOWN,
    ".rst": RST,
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": "application/xhtml+xml",
    ".txt": PLAIN_TEXT,
    ".text": PLAIN_TEXT,
    ".log": PLAIN_TEXT,
}

_LANGUAGES = {
    "c": (".c", ".h"),
    "c++": (".cc", ".cpp", ".cxx", ".hh", ".hpp"),
    "clojure": (".clj", ".cljs"),
    "csharp": (".cs",),
    "css": (".css", ".less", ".scss"),
    "dart": (".dart",),
    "elixir": (".ex", ".exs"),
    "erlang": (".erl", ".hrl"),
    "fsharp": (".fs", ".fsx"),
    "go": (".go",),
    "groovy": (".gradle", ".groovy"),
    "haskell": (".hs",),
    "ini": (".cfg", ".ini"),
    "java": (".java",),
    "javascript": (".cjs", ".js", ".jsx", ".mjs"),
    "json": (".json",),
    "julia": (".jl",),
    "kotlin": (".kt", ".kts"),
    "lua": (".lua",),
    "ocaml": (".ml", ".mli"),
    "perl": (".pl", ".pm"),
    "php": (".php",),
    "powershell": (".ps1",),
    "protobuf": (".proto",),
    "python": (".py", ".pyi", ".pyx"),
    "r": (".r",),
    "ruby": (".rb",),
    "rust": (".rs",),
    "scala": (".scala",),
    "sh": (".bash", ".sh", ".zsh"),
    "sql": (".sql",),
    "swift": (".swift",),
    "terraform": (".hcl", ".tf"),
    "toml": (".toml",),
    "typescript": (".cts", ".mts", ".ts", ".tsx"),
    "vue": (".vue",),
    "yaml": (".yaml", ".yml"),
    "zig": (".zig",),
}
_CODE = {suffix: f"text/x-{language}" for language, suffixes in _LANGUAGES.items() for suffix in suffixes}
_CODE_NAMES = {
    "cmakelists.txt": "text/x-cmake",
    "dockerfile": "text/x-dockerfile",
    "gemfile": "text/x-ruby",
    "jenkinsfile": "text/x-groovy",
    "makefile": "text/x-makefile",
}


def media_type_of(path: PurePath) -> str | None:
    """Gives the media type of writing or source code by the file's name; None where the name tells nothing."""
    name, suffix = path.name.lower(), path.suffix.lower()
    return _CODE_NAMES.get(name) or _WRITING.get(suffix) or _CODE.get(suffix)


def is_code(media_type: str) -> bool:
    """Says whether the media type is one of source code."""
    return media_type.startswith("text/x-") and media_type != RST
