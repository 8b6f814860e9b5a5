"""What tools have made or copied, which nobody has written and nobody wants to find."""

from collections.abc import Collection

_FOLDERS = {"__pycache__", "_vendor", "bower_components", "node_modules", "site-packages", "venv"}
_BUILD_OUTPUT = {"_build", "build", "dist", "out", "target", "third_party", "vendor"}
_BUILD_FILES = {
    "build.gradle", "build.gradle.kts", "cargo.toml", "cmakelists.txt", "composer.json", "conf.py", "gemfile",
    "go.mod", "makefile", "package.json", "pom.xml", "pyproject.toml", "setup.py",
}  # fmt: skip
_LOCK_FILES = {
    "bun.lock", "cargo.lock", "composer.lock", "deno.lock", "flake.lock", "gemfile.lock", "go.sum", "gradle.lockfile",
    "mix.lock", "npm-shrinkwrap.json", "package-lock.json", "packages.lock.json", "pdm.lock", "pipfile.lock",
    "pnpm-lock.yaml", "podfile.lock", "poetry.lock", "pubspec.lock", "uv.lock", "yarn.lock",
}  # fmt: skip
_ENDINGS = (".min.css", ".min.js", ".min.mjs", ".js.map", ".css.map")


def is_build_file(name: str) -> bool:
    """Says whether a tool builds the folder that holds a file of this name."""
    return name.lower() in _BUILD_FILES


def is_machine_made_folder(name: str, *, is_built_here: bool, names_within: Collection[str]) -> bool:
    """Says whether a tool made or filled a folder.

    Args:
        name: the folder's name.
        is_built_here: whether a build file lies beside it.
        names_within: the names of what lies in it, or of as much as is known.
    """
    folder = name.lower()
    if folder in _FOLDERS or folder.endswith(".egg-info") or (is_built_here and folder in _BUILD_OUTPUT):
        return True
    return "pyvenv.cfg" in names_within


def is_machine_made_file(name: str) -> bool:
    """Says whether a tool wrote a file of this name: a lock file, or what a minifier leaves."""
    file = name.lower()
    return file in _LOCK_FILES or file.endswith(_ENDINGS)
