"""How kinds of instructions read their parameters, say what they ask, and compare a count with what is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.instructions.constraint import Check, Outcome, Parameters
from rlvr_gym.verifiers.instructions.views import has_word

RELATIONS = ("less than", "at least")
_MOST = 100_000
_LONGEST = 10_000


@dataclass(frozen=True)
class Reads:
    """Reads the parameters of a kind: each by its own reader, all required. Columns that are null count as absent.

    Args:
        fields: Name to reader; a reader raises `ValueError` for what it refuses.

    Example:
        >>> Reads({"num_words": count})({"num_words": 3, "keyword": None})
        {'num_words': 3}
        >>> Reads({"num_words": count})({})
        Traceback (most recent call last):
        ValueError: the parameter 'num_words' is missing
    """

    fields: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)

    def __call__(self, given: Parameters) -> dict[str, Any]:
        """See the class."""
        found = {}
        for name, reader in self.fields.items():
            if given.get(name) is None:
                raise ValueError(f"the parameter {name!r} is missing")
            try:
                found[name] = reader(given[name])
            except ValueError as error:
                raise ValueError(f"the parameter {name!r} must be {error}") from error
        for name, value in given.items():
            if value is not None and name not in self.fields:
                raise ValueError(f"there is no parameter {shown(name, 40)}")
        return found


def count(value: Any) -> int:
    """A positive integer; a float without a fraction is one, since tables with gaps hold floats."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST:
        raise ValueError(f"an integer from 1 to {_MOST:,}, got {shown(value)}")
    return value


def text(value: Any) -> str:
    """A text with something in it, without blanks around it."""
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST:
        raise ValueError(f"a text that is not blank, of at most {_LONGEST:,} characters, got {shown(value)}")
    return value.strip()


def texts(value: Any) -> list[str]:
    """One or more such texts."""
    if not isinstance(value, list | tuple) or not value or len(value) > 1_000:
        raise ValueError(f"a list of 1 to 1,000 texts, got {shown(value)}")
    return [text(item) for item in value]


def one_word(value: Any) -> str:
    """A text without blanks."""
    if len(text(value).split()) > 1:
        raise ValueError(f"one word, got {shown(value)}")
    return text(value)


def letter(value: Any) -> str:
    """One character, lower case."""
    if len(text(value)) != 1 or len(value.strip().lower()) != 1:
        raise ValueError(f"one character, got {shown(value)}")
    return text(value).lower()


def relation(value: Any) -> str:
    """`"less than"` or `"at least"`."""
    if value not in RELATIONS:
        raise ValueError(f"'less than' or 'at least', got {shown(value)}")
    return str(value)


@dataclass(frozen=True)
class Sentence:
    """Writes the sentence that asks for an instruction: a template with the names of parameters in braces.

    Example:
        >>> Sentence("Use {relation} {n} of {words}.")({"relation": "less than", "n": 3, "words": ["a", "b"]})
        "Use fewer than 3 of 'a', 'b'."
    """

    template: str

    def __call__(self, parameters: Parameters) -> str:
        """See the class."""
        return self.template.format_map({name: _written(value) for name, value in parameters.items()})


def _written(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(repr, value))
    return "fewer than" if value == RELATIONS[0] else str(value)


@dataclass(frozen=True)
class Worded:
    """A check that nothing without a word keeps to: what is not there breaks no rule and follows none either.

    Args:
        check: What is asked of a text with words.
    """

    check: Check

    def __call__(self, response: str, parameters: Parameters) -> Outcome:
        """See the class."""
        return self.check(response, parameters) if has_word(response) else Outcome(False, "there is no word")


def compared(found: int, wanted: str, target: int, what: str) -> Outcome:
    """A count beside its bound.

    Example:
        >>> compared(3, "at least", 4, "sentences")
        Outcome(kept=False, detail='found 3 sentences, needed at least 4')
    """
    kept = found < target if wanted == RELATIONS[0] else found >= target
    return Outcome(kept, f"found {found} {what}, needed {_written(wanted)} {target}")


def exactly(found: int, target: int, what: str) -> Outcome:
    """A count beside the only right one."""
    return Outcome(found == target, f"found {found} {what}, needed exactly {target}")
