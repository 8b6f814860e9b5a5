"""READMEs of installed packages: made ones for the rules, real ones for the proof."""

from importlib.metadata import PathDistribution, distribution
from pathlib import Path

import pytest

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import InputError, NotFoundError
from rag_llm_system.domain.ports.source import Fetched, FetchFailure
from rag_llm_system.infrastructure.crawlers.installed_packages import InstalledPackagesCrawler
from rag_llm_system.infrastructure.crawlers.package_metadata import author_names, home_page, short_facts


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path


def package(site: Path, name: str, headers: str = "", body: str = "# Read me") -> PathDistribution:
    folder = site / f"{name}-1.0.dist-info"
    folder.mkdir()
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{headers}\n\n{body}"
    (folder / "METADATA").write_text(text, encoding="utf-8")
    return PathDistribution(folder)


def one(crawler: InstalledPackagesCrawler, link: str) -> Fetched:
    (found,) = crawler.crawl(link)
    assert isinstance(found, Fetched)
    return found


def test_a_readme_comes_with_everything_its_package_says(site: Path) -> None:
    headers = (
        "Summary: Does things\nLicense: MIT\nAuthor: Ada Lovelace\nHome-page: https://old.example.com\n"
        "Project-URL: Source Code, https://git.example.com/x\nDescription-Content-Type: text/markdown; charset=UTF-8"
    )
    found = one(InstalledPackagesCrawler([package(site, "My_Thing", headers)]), "packages://my-thing")
    assert found == Fetched(
        link="https://git.example.com/x",
        body=b"# Read me",
        media_type="text/markdown",
        platform="pypi",
        authors=("Ada Lovelace",),
        title="My_Thing",
        path="README.md",
        category=Category.REPOSITORIES,
        metadata={"version": "1.0", "summary": "Does things", "license": "MIT"},
    )


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        ("Author: A. One, B. Two and C. Three", ("A. One", "B. Two", "C. Three")),
        ("Author: Travis E. Oliphant et al.", ("Travis E. Oliphant",)),
        ("Author: Hugging Face, Inc.", ("Hugging Face, Inc.",)),
        ("Author: A (past and future) with the help of all (https://x.org/y)", ("A",)),
        ("Author: info@example.com", ("thing",)),
        ("Author: Team <info@example.com>", ("Team",)),
        ("Author-email: =?utf-8?q?Sebasti=C3=A1n_Ram=C3=ADrez?= <t@x.org>", ("Sebastián Ramírez",)),
        ("Author-email: =?utf-8?q?Zo=C3=AB_One_=3Cz=40x=2Eorg=3E=2C_Two_=3Ct=40x=2Eorg=3E?=", ("Zoë One", "Two")),
        ('Author-email: "Nathaniel J. Smith" <n@x.org>, b@x.org', ("Nathaniel J. Smith",)),
        ("Author: Qdrant Team\nAuthor-email: qdrant team <i@x.org>", ("Qdrant Team",)),
        ("Author: UNKNOWN", ("thing",)),
        ("", ("thing",)),
    ],
)
def test_authors_are_names_and_never_addresses(site: Path, headers: str, names: tuple[str, ...]) -> None:
    assert author_names(package(site, "thing", headers)) == names


@pytest.mark.parametrize(
    ("declared", "media_type", "path"),
    [
        ("Description-Content-Type: text/x-rst", "text/x-rst", "README.rst"),
        ("Description-Content-Type: text/plain", "text/plain", "README.txt"),
        ("", "text/x-rst", "README.rst"),
    ],
)
def test_the_media_type_is_the_declared_one(site: Path, declared: str, media_type: str, path: str) -> None:
    found = one(InstalledPackagesCrawler([package(site, "thing", declared)]), "packages://thing")
    assert (found.media_type, found.path) == (media_type, path)


def test_packages_that_share_a_home_page_keep_links_of_their_own(site: Path) -> None:
    shared = "Project-URL: Homepage, https://shared.example.com"
    crawler = InstalledPackagesCrawler([package(site, "b", shared), package(site, "a", shared), package(site, "c")])
    links = [found.link for found in crawler.crawl("packages://all")]
    assert links == [f"https://pypi.org/project/{name}/" for name in "abc"]


def test_direct_names_the_dependencies_of_the_project_and_its_extra(site: Path) -> None:
    requires = "\n".join(
        f"Requires-Dist: {line}"
        for line in (
            "Zeta>=1",
            'never; python_version < "3"',
            'piped; extra == "pipelines"',
            'dev; extra == "dev"',
            "absent",
        )
    )
    crawler = InstalledPackagesCrawler(
        [
            package(site, name, requires if name == "rag_llm_system" else "")
            for name in ("rag_llm_system", "zeta", "piped", "dev")
        ]
    )
    found = list(crawler.crawl("packages://direct"))
    assert found[0] == FetchFailure("packages://absent", "is not installed")
    assert [item.title for item in found if isinstance(item, Fetched)] == ["piped", "zeta"]


def test_a_package_without_a_description_is_a_failure(site: Path) -> None:
    crawler = InstalledPackagesCrawler([package(site, "bare", body="UNKNOWN")])
    assert list(crawler.crawl("packages://bare")) == [
        FetchFailure("https://pypi.org/project/bare/", "bare has no long description")
    ]


def test_unknown_packages_and_other_links_are_errors(site: Path) -> None:
    with pytest.raises(NotFoundError, match="no package 'nothing' is installed here"):
        list(InstalledPackagesCrawler([]).crawl("packages://nothing"))
    with pytest.raises(InputError):
        list(InstalledPackagesCrawler([]).crawl("https://example.com"))


def test_the_authors_of_real_packages_are_read_right() -> None:
    assert author_names(distribution("fastapi")) == ("Sebastián Ramírez",)
    pydantic = author_names(distribution("pydantic"))
    assert pydantic[0] == "Samuel Colvin"
    assert len(pydantic) >= 12
    assert home_page(distribution("fastapi")) == "https://github.com/fastapi/fastapi"
    assert short_facts(distribution("fastapi"))["license"] == "MIT"


def test_the_direct_dependencies_all_come_with_a_readme() -> None:
    found = [item for item in InstalledPackagesCrawler().crawl("packages://direct") if isinstance(item, Fetched)]
    assert {"fastapi", "numpy", "pydantic", "SQLAlchemy", "zenml"} <= {item.title for item in found}
    assert len({item.link for item in found}) == len(found)
    assert not [name for item in found for name in item.authors if "@" in name or "=?" in name]
