"""Search: find documents of a corpus, and read them page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import check_int
from rlvr_gym.envs.tools.corpus import Corpus
from rlvr_gym.envs.tools.toolkit import Limits, Tool, ToolError, Toolkit, tool
from rlvr_gym.verifiers.errors import shown

MAX_QUERY_CHARS = 1_000
MAX_RESULTS = 20
PAGE_CHARS = 2_000


class Search(Toolkit):
    """Tools `search` and `open` over a corpus.

    Its state is which documents have been opened: an answer may be asked to cite only what was read.

    Args:
        corpus: The documents; shared, never copied.
        page_chars: Longest page of a document, in characters; pages end between words.
        limits: See `Tool`.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> corpus = Corpus([{"id": "d1", "title": "Tor", "text": "A town by the Ane. Its mayor is Mara Vell."}])
        >>> search = Search(corpus, page_chars=20)
        >>> print(search.search("mayor of Tor"))
        [d1] Tor: A town by the Ane. Its mayor is Mara Vell.
        >>> print(search.open("d1", 2))
        [d1] Tor (page 2 of 3)
        Its mayor is Mara
        >>> search.get_state()
        {'opened': ['d1']}
    """

    def __init__(self, corpus: Corpus, *, page_chars: int = PAGE_CHARS, limits: Limits | None = None) -> None:
        self.corpus = corpus
        self._page_chars = check_int("page_chars", page_chars, 1, None)
        self._limits = limits
        self._opened: dict[str, None] = {}

    @property
    def opened(self) -> tuple[str, ...]:
        """The ids of the documents that have been opened, in the order in which they first were."""
        return tuple(self._opened)

    def tools(self) -> list[Tool]:
        """See `Toolkit.tools`."""
        found = super().tools()
        return [replace(one, limits=self._limits) for one in found] if self._limits else found

    @tool()
    def search(self, query: str, k: int = 5) -> str:
        """Search the documents; gives the id, the title and a part of the text of those that fit best.

        Args:
            query: Words to look for.
            k: How many results, 1 to 20.
        """
        if not 1 <= k <= MAX_RESULTS:
            raise ToolError(f"k must be 1 to {MAX_RESULTS}, got {shown(k)}")
        if len(query) > MAX_QUERY_CHARS:
            raise ToolError(f"a query may have {MAX_QUERY_CHARS:,} characters, this one has {len(query):,}")
        if not any(map(str.isalnum, query)):
            raise ToolError("the query has no word to look for")
        hits = self.corpus.search(query, k)
        return "\n".join(f"[{hit.id}] {_line(hit.title)}: {_line(hit.snippet)}" for hit in hits) or "no document fits"

    @tool()
    def open(self, document: str, page: int = 1) -> str:
        """Read a page of a document.

        Args:
            document: Its id, as a search gives it.
            page: Which page, from 1.
        """
        identifier = document.strip().removeprefix("[").removesuffix("]")
        if identifier not in self.corpus:
            raise ToolError(f"there is no document {shown(document)}: write an id that a search gave")
        found = self.corpus[identifier]
        pages = paged(found.text, self._page_chars)
        if not 1 <= page <= len(pages):
            raise ToolError(
                f"[{identifier}] has {len(pages):,} page{'s' * (len(pages) > 1)}, there is no page {shown(page)}"
            )
        self._opened[identifier] = None
        where = f" (page {page} of {len(pages)})" if len(pages) > 1 else ""
        return f"[{identifier}] {_line(found.title)}{where}\n{pages[page - 1]}"

    def get_state(self) -> Any:
        """The ids of what has been opened."""
        return {"opened": list(self._opened)}

    def set_state(self, state: Any) -> None:
        """See `Toolkit.set_state`."""
        opened = state.get("opened") if isinstance(state, dict) else None
        if not isinstance(opened, list) or not all(isinstance(one, str) and one in self.corpus for one in opened):
            raise SnapshotError(f"expected the opened documents of this corpus, got {shown(state)}")
        self._opened = dict.fromkeys(opened)


def paged(text: str, size: int) -> Sequence[str]:
    """A text in pages of at most `size` characters that end between words, where words are not longer; at least one.

    Example:
        >>> paged("one two three", 8), paged("", 8), paged("abcdefghij", 4)
        (['one two', 'three'], [''], ['abcd', 'efgh', 'ij'])
    """
    pages, start = [], 0
    while len(text) - start > size:
        end = start + size
        if not text[end].isspace():
            last = max(text.rfind(blank, start + 1, end) for blank in " \n\t")
            end = last if last > start else end
        pages.append(text[start:end].strip())
        start = end
        while start < len(text) and text[start].isspace():
            start += 1
    rest = text[start:].strip()
    return [*pages, rest] if rest or not pages else pages


def _line(text: str) -> str:
    return " ".join(text.split())
