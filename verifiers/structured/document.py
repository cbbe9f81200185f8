"""What verifiers of one document share: where it stands in a response, and what it is compared with.

A document is the answer in tags, or the whole response, or the last fenced block of either. Formats differ in how the
text becomes a value (`json@1`, `yaml@1`); the value is checked by a JSON Schema and compared with the gold leaf by
leaf.
"""

from __future__ import annotations

import functools
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.strict_json import Malformed, read_object
from rlvr_gym.verifiers.structured.leaves import Path, Tally, compared
from rlvr_gym.verifiers.structured.schema import check_schema, misfit
from rlvr_gym.verifiers.structured.schema import library as schema_library
from rlvr_gym.verifiers.verdict import Part, Reason

MAX_DOCUMENT_CHARS = 20_000
MAX_REFERENCE_CHARS = 200_000
_KEYS = frozenset({"schema", "answer", "unordered"})
_PARTS = ("schema", "values")
_FENCE = "```"


class Wanted(NamedTuple):
    """What a document must be.

    Args:
        schema: The JSON Schema, as a text and as a value.
        answer: The document that says the right thing.
        unordered: Paths of lists whose order says nothing.
    """

    schema_text: str
    schema: Mapping[str, Any]
    answer: Any
    unordered: frozenset[Path]


@dataclass(frozen=True)
class DocumentVerifier(RuleVerifier):
    """Judges a document by a schema and by what it says.

    Subclasses say how a text is read: `parse`, and which words may name the format after a fence: `languages`.

    The reference is `{"schema": {...}, "answer": ...}` and, where the order of a list says nothing, `"unordered":
    ["/items"]` with the paths of such lists (`*` for any place of a list, as in `/items/*/tags`). A document passes
    where it fits the schema and says what the answer says: numbers by value, texts exactly but for blanks around them,
    lists in order. The dense score is the share of the answer's leaves that are right and cannot be guessed, less those
    that stand where none is wanted; 0 where the document does not fit the schema.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Raises:
        MissingExtraError: A package that the format or the schema needs is not installed.
    """

    max_answer_chars: ClassVar[int] = MAX_DOCUMENT_CHARS
    unread: ClassVar[tuple[Part, ...]] = tuple(Part(name, False, 0.0) for name in _PARTS)
    languages: ClassVar[frozenset[str]]

    markers: tuple[str, ...] = ("answer_tag", "whole")

    def __post_init__(self) -> None:
        schema_library()  # here, so that it is not missed in the middle of a run
        super().__post_init__()

    def parse_reference(self, reference: Any) -> Wanted:
        """See the class."""
        try:
            text = json.dumps(reference, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise ReferenceFault("not_json", f"the reference is no JSON value: {shown(reference)}") from error
        if len(text) > MAX_REFERENCE_CHARS:
            raise ReferenceFault("too_long", f"a reference may have {MAX_REFERENCE_CHARS:,} characters")
        return _wanted(text)

    def read(self, text: str, gold: Wanted) -> Any:
        """The value of a document."""
        return self.parse(document_in(text, self.languages))

    @abstractmethod
    def parse(self, text: str) -> Any:
        """Read a document of at most `MAX_DOCUMENT_CHARS` characters into a JSON value of bounded depth.

        Raises:
            UnreadableError: It is not of the format.
        """

    def check(self, answer: Any, gold: Wanted) -> Finding:
        """See the class."""
        tally = compared(answer, gold.answer, gold.schema, gold.unordered)
        alike = tally.equal and answer == gold.answer  # then it fits, as the answer of the reference does
        wrong = None if alike else misfit(gold.schema_text, answer)
        parts = (Part("schema", wrong is None, float(wrong is None)), Part("values", tally.equal, tally.score))
        if wrong is not None:
            return Finding(False, Reason("schema", wrong), parts=parts)
        if tally.equal:
            return Finding(True, Reason("equal", "the document says what is wanted"), parts=parts)
        return Finding(False, Reason("different", _difference(tally)), tally.score, parts)


def _difference(tally: Tally) -> str:
    extra = f", and {tally.extra} stand where none is wanted" if tally.extra else ""
    return f"{tally.right} of {tally.wanted} values are right{extra}"


@functools.lru_cache(maxsize=1024)
def _wanted(reference: str) -> Wanted:
    """Read a reference; kept, since a group of responses is judged by one."""
    try:
        value = read_object(reference)
    except Malformed as error:
        raise ReferenceFault("not_a_document", f"the reference cannot be read: {error}") from error
    if not {"schema", "answer"} <= set(value) <= _KEYS:
        raise ReferenceFault(
            "not_a_document", "the reference must hold 'schema' and 'answer', and may hold 'unordered'"
        )
    schema, answer = value["schema"], value["answer"]
    if not isinstance(schema, Mapping):
        raise ReferenceFault("bad_schema", f"'schema' must be an object, got {shown(schema)}")
    if not isinstance(answer, Mapping | list) or not answer:
        raise ReferenceFault(
            "no_answer", f"'answer' must be an object or a list that is not empty, got {shown(answer)}"
        )
    text = json.dumps(schema, separators=(",", ":"))
    check_schema(schema)
    wrong = misfit(text, answer)
    if wrong is not None:
        raise ReferenceFault("answer_misfits", f"'answer' does not fit 'schema': {wrong}")
    return Wanted(text, schema, answer, _paths(value.get("unordered", [])))


def _paths(unordered: Any) -> frozenset[Path]:
    if not isinstance(unordered, list):
        raise ReferenceFault("bad_path", f"'unordered' must be a list of paths, got {shown(unordered)}")
    for path in unordered:
        if not isinstance(path, str) or (path and not path.startswith("/")):
            raise ReferenceFault("bad_path", f"a path is '' or begins with '/', such as '/items'; got {shown(path)}")
    return frozenset(tuple(path.split("/")[1:]) for path in unordered)


def document_in(text: str, languages: frozenset[str]) -> str:
    """The document in an answer: its last fenced block, or all of it where no line begins with a fence.

    Args:
        text: The answer.
        languages: Words that may stand after the opening fence.

    Raises:
        UnreadableError: The last block is not closed or is of another language.

    Example:
        >>> document_in("Here:\\n```json\\n[1]\\n```", frozenset({"json"})), document_in("[2]", frozenset())
        ('[1]', '[2]')
    """
    if _FENCE not in text:
        return text
    lines = text.split("\n")
    fences = [number for number, line in enumerate(lines) if line.startswith(_FENCE)]
    if not fences:
        return text
    opened, closed = _last_block(lines, fences)
    language = lines[opened].strip()[len(_FENCE) :].strip().lower()
    if language and language not in languages:
        known = " or ".join(sorted(languages))
        raise UnreadableError("other_language", f"the last fenced block is no {known}")
    return "\n".join(lines[opened + 1 : closed])


def _last_block(lines: Sequence[str], fences: Sequence[int]) -> tuple[int, int]:
    """Where the last fenced block begins and ends."""
    opened, block = -1, (-1, -1)
    for number in fences:
        if opened < 0:
            opened = number
        elif lines[number].strip() == _FENCE:
            block, opened = (opened, number), -1
    if opened >= 0:
        raise UnreadableError("unclosed_fence", "the last fenced block is never closed")
    return block
