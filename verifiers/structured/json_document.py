"""`json@1`: one JSON document that fits a schema and says what is wanted.

The document is read strictly: no key twice, no NaN, no Infinity, nothing after it, bounded depth and length. A schema
alone could be satisfied by `{}` or by placeholders, so what passes is what also says the right thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from rlvr_gym.verifiers.by_rule import UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.strict_json import Malformed, read_json, skip_blank
from rlvr_gym.verifiers.structured.document import DocumentVerifier


@dataclass(frozen=True)
class JSONDocument(DocumentVerifier):
    """Judges a JSON document; see `DocumentVerifier` for the reference and the score.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
        >>> reference = {"schema": schema, "answer": {"n": 7, "who": "Ann"}}
        >>> verifier = JSONDocument()
        >>> verifier.verify('<answer>{"who": "Ann", "n": 7.0}</answer>', reference).passed
        True
        >>> verifier.verify('{"n": 7}', reference).score
        0.5
        >>> verifier.verify('{"n": 7, "n": 8}', reference).reason.text
        "the key 'n' occurs twice in an object"
    """

    name = "json"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Numbers are read as doubles: digits from the 17th on are not compared.",
        "Texts are compared by their characters: another spelling, case or date format of the right thing is refused.",
        "What the schema calls `format` is not checked.",
        "In a list that is in order, one item left out moves all after it: they earn nothing.",
        "Of several fenced blocks the last one is the document, whatever the others say.",
    )
    languages = frozenset({"json"})

    def parse(self, text: str) -> Any:
        """See `DocumentVerifier.parse`."""
        try:
            value, end = read_json(text)
        except Malformed as error:
            raise UnreadableError("not_json", str(error)) from error
        if (rest := skip_blank(text, end)) < len(text):
            raise UnreadableError("text_after", f"text follows the document: {shown(text[rest : rest + 40])}")
        return value
