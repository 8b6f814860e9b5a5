"""Which media type a file's name stands for, and whether bytes are text."""

import codecs
import re
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
_NEVER_TEXT = set(
    ".7z .a .avi .bin .bmp .bz2 .class .dll .dylib .eot .exe .flac .gif .gz .h5 .icns .ico .jar .jpeg .jpg .lib .m4a "
    ".mkv .mov .mp3 .mp4 .npy .npz .o .ogg .onnx .otf .parquet .pkl .png .psd .pt .pth .pyc .rar .safetensors .so "
    ".sqlite .tar .tgz .tif .tiff .ttf .war .wasm .wav .webm .webp .whl .woff .woff2 .xz .zip .zst".split()
)
_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_SNIFFED_BYTES = 64 * 1024
_CONTROL_BYTES = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]")


def media_type_of(path: PurePath) -> str | None:
    """Gives the media type of writing or source code by the file's name; None where the name tells nothing."""
    name, suffix = path.name.lower(), path.suffix.lower()
    return _CODE_NAMES.get(name) or _WRITING.get(suffix) or _CODE.get(suffix)


def is_code(media_type: str) -> bool:
    """Says whether the media type is one of source code."""
    return media_type.startswith("text/x-") and media_type != RST


def is_never_text(path: PurePath) -> bool:
    """Says whether the file's name alone tells that nobody can read it: pictures, sounds, programs, archives."""
    return path.suffix.lower() in _NEVER_TEXT


def is_text(body: bytes, *, name_is_known: bool) -> bool:
    """Says whether bytes are text, by their beginning.

    Args:
        body: the bytes.
        name_is_known: whether the file's name has a media type; else control characters speak against it.
    """
    start = body[:_SNIFFED_BYTES]
    if start.startswith(_BOMS):
        return True
    if b"\0" in start or start.startswith(b"%PDF-"):
        return False
    return name_is_known or len(_CONTROL_BYTES.findall(start)) * 100 <= len(start)
