"""Which crawler and which parser is asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rag_llm_system.application.crawlers.dispatcher import CrawlerDispatcher, ParserDispatcher
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import InputError, UnsupportedMediaError
from rag_llm_system.domain.ports.source import Fetched, FetchFailure, Parsed, Territory
from rag_llm_system.infrastructure.crawlers.folder_territory import FolderTerritory


@dataclass(frozen=True)
class Named:
    """A crawler and a parser that only has a name."""

    name: str

    def crawl(self, link: str) -> Iterator[Fetched | FetchFailure]:
        yield FetchFailure(link, self.name)

    def parse(self, fetched: Fetched) -> Parsed:
        return Parsed(Category.ARTICLES, self.name, "text")


CRAWLERS = CrawlerDispatcher(
    local=Named("local"),
    by_scheme={"packages": Named("packages"), "https": Named("pages"), "http": Named("pages")},
    by_recognition=[(lambda link: link.endswith(".git"), Named("git"))],
    by_domain={"medium.com": Named("medium"), "blog.medium.com": Named("blog")},
)
PARSERS = ParserDispatcher({"text/markdown": Named("markdown"), "text/*": Named("code")})


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("notes/a.md", "local"),
        ("C:\\notes\\a.md", "local"),
        ("file:///a.md", "local"),
        ("PACKAGES://direct", "packages"),
        ("https://medium.com/@ada/x", "medium"),
        ("https://ada.medium.com:443/x", "medium"),
        ("http://blog.medium.com", "blog"),
        ("https://notmedium.com", "pages"),
        ("HTTP://example.org/a", "pages"),
        ("https://medium.com/a/b.git", "git"),
        ("notes/repository.git", "git"),
    ],
)
def test_a_link_finds_its_crawler(link: str, name: str) -> None:
    assert CRAWLERS.crawler_for(link) == Named(name)


def test_a_crawler_that_can_tell_what_lies_within_a_link_is_asked_and_the_others_are_not() -> None:
    @dataclass(frozen=True)
    class Surveying(Named):
        def territory(self, link: str) -> Territory | None:
            return FolderTerritory(Path(link)) if link == "/folder" else None

    crawlers = CrawlerDispatcher(local=Surveying("local"), by_scheme={"packages": Named("packages")})
    territory = crawlers.territory_of("/folder")
    assert territory is not None
    assert territory.holds("file:///folder/a.md")
    assert crawlers.territory_of("/folder/a.md") is None
    assert crawlers.territory_of("packages://all") is None
    with pytest.raises(UnsupportedMediaError):
        crawlers.territory_of("ftp://example.org")


@pytest.mark.parametrize("link", ["ftp://medium.org/x", "gopher://example.org", "ws://notmedium.com/a"])
def test_a_link_without_a_crawler_says_what_to_do(link: str) -> None:
    with pytest.raises(UnsupportedMediaError, match=r"^there is no crawler for \w+:// links: give") as caught:
        CRAWLERS.crawler_for(link)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("link", ["", "  ", "https://[broken"])
def test_a_blank_or_broken_link_is_refused(link: str) -> None:
    with pytest.raises(InputError):
        CRAWLERS.crawler_for(link)


@pytest.mark.parametrize(
    ("media_type", "name"),
    [("text/markdown", "markdown"), ("Text/Markdown; charset=UTF-8", "markdown"), ("text/x-python", "code")],
)
def test_a_media_type_finds_its_parser(media_type: str, name: str) -> None:
    assert PARSERS.parser_for(media_type) == Named(name)


def test_a_media_type_without_a_parser_is_refused() -> None:
    with pytest.raises(UnsupportedMediaError, match="no parser for application/pdf yet"):
        PARSERS.parser_for("application/pdf")
