"""`yaml@1`: one YAML document that fits a schema and says what is wanted.

PyYAML splits the text into events; the values are built here. No anchors, aliases and tags, so that nothing can be
built but texts, numbers, true, false, null, lists and mappings, and a short text cannot unfold into a long one. How
plain scalars are read is said in `yaml_scalars`.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.by_rule import UnreadableError
from rlvr_gym.verifiers.errors import MissingExtraError, shown
from rlvr_gym.verifiers.strict_json import MAX_DEPTH, flaw_of
from rlvr_gym.verifiers.structured.document import DocumentVerifier
from rlvr_gym.verifiers.structured.yaml_scalars import read_scalar


@dataclass(frozen=True)
class YAMLDocument(DocumentVerifier):
    """Judges a YAML document; see `DocumentVerifier` for the reference and the score.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> reference = {"schema": {"type": "object"}, "answer": {"country": "NO", "floors": 3}}
        >>> verifier = YAMLDocument()
        >>> verifier.verify('<answer>country: "NO"\\nfloors: 3</answer>', reference).passed
        True
        >>> verifier.verify("<answer>country: NO\\nfloors: 3</answer>", reference).reason.code
        'ambiguous_scalar'
        >>> verifier.verify("<answer>a: &x 1\\nb: *x</answer>", reference).reason.code
        'anchor'
    """

    name = "yaml"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "JSON is YAML: a document in braces passes as well as one in lines.",
        "A plain date is a text here; readers of YAML 1.1 make a date of it.",
        "Texts are compared by their characters: another spelling, case or date format of the right thing is refused.",
        "Of the partial credit, a value that says more than it should (`city: Oslo is wrong`) costs itself alone.",
        "A document in tags that is indented as a whole is refused: blanks before its first line are cut off.",
        "Of several fenced blocks the last one is the document, whatever the others say.",
    )
    languages = frozenset({"yaml", "yml"})

    def __post_init__(self) -> None:
        library()
        super().__post_init__()

    def parse(self, text: str) -> Any:
        """See `DocumentVerifier.parse`."""
        yaml = library()
        try:
            value = _built(_events(yaml, text))
        except UnicodeEncodeError as error:
            raise UnreadableError("not_yaml", "half a character (a lone surrogate) stands in the document") from error
        except yaml.YAMLError as error:
            raise UnreadableError("not_yaml", f"this is not YAML: {_first_line(error)}") from error
        if flaw := flaw_of(value):
            raise UnreadableError("not_yaml", flaw)
        return value


class _Open(NamedTuple):
    """A list or mapping that is being built; `key` holds the key whose value comes next."""

    value: Any
    key: list[str]


def _events(library: Any, text: str) -> Iterator[Any]:
    loader = library.CSafeLoader if library.__with_libyaml__ else library.SafeLoader
    events: Iterator[Any] = library.parse(text, Loader=loader)
    return events


def _built(events: Iterator[Any]) -> Any:
    """The value of the only document."""
    whole = _Open([], [])
    opened = [whole]
    for event in events:
        kind = type(event).__name__
        if kind in _REFUSED or getattr(event, "anchor", None) is not None:
            raise UnreadableError("anchor", "a document has no anchors and no aliases")
        if getattr(event, "tag", None) is not None:
            raise UnreadableError("tag", "a document has no tags")
        if kind == "DocumentStartEvent":
            _begin(event, whole)
        elif kind == "ScalarEvent":
            _scalar(opened[-1], event)
        elif kind in _MADE:
            if len(opened) > MAX_DEPTH:
                raise UnreadableError("too_deep", f"a document may be nested {MAX_DEPTH} deep")
            opened.append(_Open(_MADE[kind](), []))
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            _put(opened[-2], opened.pop().value)
    if len(whole.value) != 1:
        raise UnreadableError("no_document", "there is no document")
    return whole.value[0]


def _begin(event: Any, whole: _Open) -> None:
    if event.version is not None or event.tags:
        raise UnreadableError("directive", "a document has no directives")
    if whole.value:
        raise UnreadableError("several_documents", "more than one document in the place of one")


def _scalar(into: _Open, event: Any) -> None:
    """Put a scalar where it belongs; as a key it must be a text that is new."""
    value = read_scalar(event.value) if event.implicit[0] else event.value
    if not isinstance(into.value, dict) or into.key:
        _put(into, value)
        return
    if not isinstance(value, str):
        raise UnreadableError("key_no_text", f"a key must be a text, got {shown(value)}")
    if value in into.value:
        raise UnreadableError("double_key", f"the key {shown(value)} occurs twice in a mapping")
    into.key.append(value)


def _put(into: _Open, value: Any) -> None:
    if isinstance(into.value, list):
        into.value.append(value)
    elif into.key:
        into.value[into.key.pop()] = value
    else:
        raise UnreadableError("key_no_text", "a key must be a text, got a list or a mapping")


def _first_line(error: Exception) -> str:
    """What a message says without the piece of the document that it quotes below."""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None)
    mark = getattr(error, "problem_mark", None)
    return f"{problem}{f' in line {mark.line + 1}' if mark is not None else ''}"


@functools.cache
def library() -> Any:
    """The package `PyYAML`.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module("yaml")
    except ImportError as error:
        raise MissingExtraError("PyYAML", "structured", "reading YAML") from error


_REFUSED = ("AliasEvent",)
_MADE = {"SequenceStartEvent": list, "MappingStartEvent": dict}
