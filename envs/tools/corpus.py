"""`Corpus`: documents that do not change, and a full-text index over them (SQLite FTS5, ranked by BM25).

The index is built once, when it is first asked, and shared by everybody who has the corpus. A query is words and
nothing else: no operator of FTS5 can be written in one. Equal scores are ordered by id, so equal queries have equal
results.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

MAX_WORDS = 64
SNIPPET_WORDS = 16
TITLE_WEIGHT, TEXT_WEIGHT = 4.0, 1.0

_ID = re.compile(r"[^\s\[\],;\x00-\x1f\x7f]{1,100}")
_WORD = re.compile(r"[^\W_]+")
_UNFIT = re.compile("[\x00\ud800-\udfff]")
_SCORE = "round(bm25(documents, 0.0, ?, ?), 9)"
_SEARCH = (
    f"SELECT id, title, snippet(documents, 2, '', '', '…', {SNIPPET_WORDS}) FROM documents "
    f"WHERE documents MATCH ? ORDER BY {_SCORE}, rowid LIMIT ?"
)


class Document(NamedTuple):
    """A text with an id and a title."""

    id: str
    title: str
    text: str


class Hit(NamedTuple):
    """A document that a search found, and the part of its text that fits the query best."""

    id: str
    title: str
    snippet: str


class Corpus:
    """Documents and their index. Immutable, and safe to use in any thread; a copy or a pickle builds its own index.

    Args:
        documents: In any order; ids must differ and stand in `[id]`, so they have no blanks, brackets and commas.

    Raises:
        ConfigError: There are none, or one of them is refused.

    Example:
        >>> corpus = Corpus([Document("d1", "Tor", "A town by the Ane."), Document("d2", "Ane", "A river.")])
        >>> [hit.id for hit in corpus.search("Which towns lie by the Ane?", 5)]
        ['d1', 'd2']
        >>> corpus.search('"Tor" AND NOT (title: river*', 1)[0]
        Hit(id='d1', title='Tor', snippet='A town by the Ane.')
        >>> corpus["d2"].text
        'A river.'
    """

    def __init__(self, documents: Iterable[Document | Mapping[str, Any]]) -> None:
        checked = [_checked(document, number) for number, document in enumerate(documents, start=1)]
        self._documents = {document.id: document for document in sorted(checked)}
        if not checked:
            raise ConfigError("a corpus needs at least one document")
        if len(self._documents) < len(checked):
            [(twice, _)] = Counter(document.id for document in checked).most_common(1)
            raise ConfigError(f"two documents have the id {twice!r}")
        # By process: SQLite must not be carried into a forked one, not even to be closed there.
        self._indexes: dict[int, _Index] = {}

    @classmethod
    def from_jsonl(cls, path: str | Path) -> Corpus:
        """Read a file with one JSON object a line: `{"id": ..., "title": ..., "text": ...}`; other keys are ignored.

        Raises:
            ConfigError: The file cannot be read, or a line is no document; the message says which line.
        """
        documents = []
        try:
            with open(path, encoding="utf-8") as file:
                for number, line in enumerate(file, start=1):
                    if line.strip():
                        documents.append(_checked(_object(line, number), number))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read the corpus {str(path)!r}: {error}") from error
        return cls(documents)

    @classmethod
    def glossary(cls) -> Corpus:
        """The corpus that comes along: terms of reinforcement learning of language models, a paragraph each.

        Example:
            >>> [hit.id for hit in Corpus.glossary().search("groups of steps from the same state", 1)]
            ['gigpo']
        """
        with resources.as_file(resources.files("rlvr_gym.envs.tools") / "glossary.jsonl") as file:
            return cls.from_jsonl(file)

    def __len__(self) -> int:
        return len(self._documents)

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._documents

    def __getitem__(self, identifier: str) -> Document:
        return self._documents[identifier]

    def __reduce__(self) -> tuple[Any, ...]:
        return Corpus, (tuple(self._documents.values()),)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all documents, sorted."""
        return tuple(self._documents)

    def search(self, query: str, k: int) -> list[Hit]:
        """The `k` documents that fit a query best, by BM25; a word in the title counts four times.

        Args:
            query: Any text. Its first 64 different words are looked for, and a document needs one of them.
            k: How many.
        """
        words = list(dict.fromkeys(word.lower() for word in _WORD.findall(query)))[:MAX_WORDS]
        if not words:
            return []
        index = self._indexes.get(os.getpid())
        if index is None:
            index = self._indexes[os.getpid()] = _Index(self._documents.values())
        return index.search(" OR ".join(f'"{word}"' for word in words), k)


class _Index:
    """A private database in memory. One thread at a time asks it."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute(
            "CREATE VIRTUAL TABLE documents USING fts5"
            "(id UNINDEXED, title, text, tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        self._database.executemany("INSERT INTO documents VALUES (?, ?, ?)", documents)

    def search(self, expression: str, k: int) -> list[Hit]:
        with self._lock:
            found = self._database.execute(_SEARCH, (expression, TITLE_WEIGHT, TEXT_WEIGHT, k)).fetchall()
        return [Hit(*row) for row in found]


def _object(line: str, number: int) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"line {number} of the corpus is not JSON: {error}") from error
    if not isinstance(value, Mapping):
        raise ConfigError(f"line {number} of the corpus must be an object, got {shown(value)}")
    return value


def _checked(given: Document | Mapping[str, Any], number: int) -> Document:
    fields = given._asdict() if isinstance(given, Document) else given
    if not isinstance(fields, Mapping):
        raise ConfigError(f"document {number}: expected a Document or an object, got {shown(given)}")
    for key in ("id", "title", "text"):
        value = fields.get(key)
        if not isinstance(value, str) or _UNFIT.search(value):
            raise ConfigError(
                f"document {number}: {key!r} must be a text without NUL and half characters, got {shown(value)}"
            )
    if not _ID.fullmatch(fields["id"]):
        raise ConfigError(
            f"document {number}: an id has 1 to 100 characters and no blanks, brackets, commas and semicolons, "
            f"got {shown(fields['id'])}"
        )
    return Document(fields["id"], fields["title"], fields["text"])
