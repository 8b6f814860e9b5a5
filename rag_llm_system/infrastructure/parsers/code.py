"""Source code."""

import re

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import InputError
from rag_llm_system.domain.ports.source import Fetched, Parsed
from rag_llm_system.infrastructure.parsers.text import charset_of, decode_text, name_of

_LINE_END = re.compile(r"\r\n?")


class CodeParser:
    """Reads source code to the character; only line ends are made line feeds. The title is the path."""

    def parse(self, fetched: Fetched) -> Parsed:
        """Gives the code.

        Raises:
            InputError: the bytes are not text, or hold nothing but spaces.
        """
        text = _LINE_END.sub("\n", decode_text(fetched.body, name=name_of(fetched), declared=charset_of(fetched)))
        if not text.strip():
            raise InputError(f"{name_of(fetched)} holds no code")
        return Parsed(category=Category.REPOSITORIES, title=fetched.title or name_of(fetched), text=text)
