"""The long descriptions of the Python packages that are installed here: good writing that is always at hand."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import Distribution, distributions

from packaging.requirements import InvalidRequirement, Requirement

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import InputError, NotFoundError
from rag_llm_system.domain.ports.source import Fetched, FetchFailure
from rag_llm_system.infrastructure.crawlers import package_metadata as metadata

_PREFIX = "packages://"
_README_SUFFIXES = {"text/markdown": ".md", "text/x-rst": ".rst"}


class InstalledPackagesCrawler:
    """Brings the README of each package that a link names, in the order of the packages' names.

    `packages://direct` names the direct dependencies of `project` with `extras`, `packages://all` all that are
    installed, `packages://NAME` one.

    Args:
        installed: the distributions to look at; None for those of the running interpreter. Of two with one name the
            first counts, as when importing.
        project: whose dependencies `packages://direct` stands for.
        extras: the extras of the project whose dependencies count too.
    """

    def __init__(
        self,
        installed: Iterable[Distribution] | None = None,
        *,
        project: str = "rag_llm_system",
        extras: Sequence[str] = ("pipelines",),
    ) -> None:
        self._installed = installed
        self._project = project
        self._extras = tuple(extras)

    def crawl(self, link: str) -> Iterator[Fetched | FetchFailure]:
        """Gives each package's README.

        Raises:
            InputError: the link does not start with packages://.
            NotFoundError: no package of that name is installed.
        """
        if not link.startswith(_PREFIX):
            raise InputError(f"{link} names no package: write packages://direct, packages://all or packages://NAME")
        installed = self._by_name()
        n_packages_by_page = Counter(map(metadata.home_page, installed.values()))
        for name in self._wanted(link.removeprefix(_PREFIX).strip("/"), installed):
            if name not in installed:
                yield FetchFailure(_PREFIX + name, "is not installed")
                continue
            page = metadata.home_page(installed[name])
            # A page that several packages share would make one document of all of them.
            is_its_own = page and n_packages_by_page[page] == 1
            yield _fetch(installed[name], page if is_its_own else metadata.pypi_page(installed[name]))

    def _by_name(self) -> dict[str, Distribution]:
        by_name: dict[str, Distribution] = {}
        for distribution in distributions() if self._installed is None else self._installed:
            name = metadata.normalised_name(metadata.package_name(distribution))
            if name:
                by_name.setdefault(name, distribution)
        return by_name

    def _wanted(self, selection: str, installed: Mapping[str, Distribution]) -> list[str]:
        if selection == "all":
            return sorted(installed)
        name = metadata.normalised_name(self._project if selection == "direct" else selection)
        if name not in installed:
            raise NotFoundError(f"no package {name!r} is installed here: check the name, or install it")
        return self._direct_dependencies(installed[name]) if selection == "direct" else [name]

    def _direct_dependencies(self, project: Distribution) -> list[str]:
        names = set()
        for line in project.requires or ():
            try:
                requirement = Requirement(line)
            except InvalidRequirement:
                continue
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *self._extras)):
                names.add(metadata.normalised_name(requirement.name))
        return sorted(names - {metadata.normalised_name(self._project)})


def _fetch(distribution: Distribution, link: str) -> Fetched | FetchFailure:
    name = metadata.package_name(distribution)
    text = metadata.description(distribution)
    if not text:
        return FetchFailure(link, f"{name} has no long description")
    media_type = metadata.description_type(distribution)
    return Fetched(
        link=link,
        body=text.encode("utf-8", "replace"),
        media_type=media_type,
        platform="pypi",
        authors=metadata.author_names(distribution),
        title=name,
        path="README" + _README_SUFFIXES.get(media_type, ".txt"),
        category=Category.REPOSITORIES,
        metadata=metadata.short_facts(distribution),
    )
