"""What the kinds of IFBench share: the views of its official checks, and the guard against answers without content.

The labels follow the checks of October 2025, with which the published results were made (allenai/IFBench at
`c94da02`); where those stop with an error, the label is "not kept". Later releases split sentences with a trained
model and count pronouns from a longer list, so that they may label otherwise.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.instructions.constraint import Outcome, Parameters
from rlvr_gym.verifiers.instructions.views import has_word, words

LEAST_DIFFERENT = 5
MAX_TEXT_CHARS = 100_000

_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
EDGES = string.punctuation + " "

Rule = Callable[[str, Parameters], bool]


@dataclass(frozen=True)
class Official:
    """A check that gives the official label.

    Args:
        rule: Whether the label is "kept", for a response that is not blank.
    """

    rule: Rule

    def __call__(self, response: str, parameters: Parameters) -> Outcome:
        """See the class."""
        kept = bool(response.strip()) and self.rule(response, parameters)
        return Outcome(kept, f"the official check {'keeps' if kept else 'does not keep'} it")


@dataclass(frozen=True)
class Content:
    """A check that a response without content never keeps to: it needs at least five different words.

    Most kinds only forbid something, which an empty response or one word over and over would keep to.

    Args:
        check: What is asked of a response with content.
    """

    check: Callable[[str, Parameters], Outcome]

    def __call__(self, response: str, parameters: Parameters) -> Outcome:
        """See the class."""
        found = different(filter(has_word, words(response)))
        if found < LEAST_DIFFERENT:
            return Outcome(False, f"found {found} different words, needed at least {LEAST_DIFFERENT}")
        return self.check(response, parameters)


def different(found: Iterable[str]) -> int:
    """How many different words there are; case does not matter."""
    return len({word.lower() for word in found})


def bare(text: str) -> str:
    """The text without ASCII punctuation.

    Example:
        >>> bare("It's 1.5, “really”")
        'Its 15 “really”'
    """
    return text.translate(_WITHOUT_PUNCTUATION)


def plain(text: str) -> str:
    """Lower case without accents.

    Example:
        >>> plain("Élan Ñu")
        'elan nu'
    """
    return "".join(char for char in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(char))


def spaced(text: str) -> list[str]:
    """Words between blanks, of their letters and digits alone, so that `well-known` is one word.

    Example:
        >>> spaced("It's well-known — yes!")
        ['Its', 'wellknown', 'yes']
    """
    found = ("".join(char for char in token if char.isalnum()) for token in text.split())
    return [word for word in found if word]


def first_fault(found: Sequence[str], fault: str) -> Outcome:
    """Kept where nothing was found, else the first of it."""
    return Outcome(False, f"{len(found)} {fault}, first {found[0]!r:.40}") if found else Outcome(True, f"no {fault}")


def passage(value: Any) -> str:
    """A text with a word in it, as it stands."""
    if not isinstance(value, str) or not has_word(value) or len(value) > MAX_TEXT_CHARS:
        raise ValueError(f"a text with words, of at most {MAX_TEXT_CHARS:,} characters, got {shown(value)}")
    return value


# --- Sentences as the official checks split them ------------------------------------------------------------------

_STARTERS = (
    r"(Mr|Mrs|Ms|Dr|Prof|Capt|Cpt|Lt|He\s|She\s|It\s|They\s|Their\s|Our\s|We\s|But\s|However\s|That\s|This\s"
    r"|Wherever)"
)
_LETTER = "([A-Za-z])[.]"
_FIRST = (  # periods that end nothing become <prd>, ends that are sure <stop>
    (r"(Mr|St|Mrs|Ms|Dr)[.]", r"\1<prd>"),
    (r"[.](com|net|org|io|gov|edu|me)", r"<prd>\1"),
    (r"([0-9])[.]([0-9])", r"\1<prd>\2"),
)
_THEN = (
    (r"Ph\.D\.", "Ph<prd>D<prd>"),
    (rf"\s{_LETTER} ", r" \1<prd> "),
    (rf"([A-Z][.][A-Z][.](?:[A-Z][.])?) {_STARTERS}", r"\1<stop> \2"),
    (_LETTER * 3, r"\1<prd>\2<prd>\3<prd>"),
    (_LETTER * 2, r"\1<prd>\2<prd>"),
    (rf" (Inc|Ltd|Jr|Sr|Co)[.] {_STARTERS}", r" \1<stop> \2"),
    (r" (Inc|Ltd|Jr|Sr|Co)[.]", r" \1<prd>"),
    (rf" {_LETTER}", r" \1<prd>"),
)
_FIRST_RULES = tuple((re.compile(pattern), put) for pattern, put in _FIRST)
_THEN_RULES = tuple((re.compile(pattern), put) for pattern, put in _THEN)
_DOTS = re.compile(r"\.{2,}")
_QUOTED_ENDS = ((".”", "”."), ('."', '".'), ('!"', '"!'), ('?"', '"?'))


def official_sentences(text: str) -> list[str]:
    """Sentences by the rules that the official checks take from IFEval: line breaks count as blanks.

    Example:
        >>> official_sentences('Dr. No paid 3.50. "Why?" he said')
        ['Dr. No paid 3.50.', '"Why"?', 'he said']
    """
    text = " " + text.replace("\n", " ") + "  "
    for pattern, put in _FIRST_RULES:
        text = pattern.sub(put, text)
    text = _DOTS.sub(_as_dots, text)
    for pattern, put in _THEN_RULES:
        text = pattern.sub(put, text)
    for inside, outside in _QUOTED_ENDS:
        text = text.replace(inside, outside)
    for end in ".?!":
        text = text.replace(end, end + "<stop>")
    found = [part.strip() for part in text.replace("<prd>", ".").split("<stop>")]
    return found if found[-1] else found[:-1]


def _as_dots(match: re.Match[str]) -> str:
    return "<prd>" * len(match[0]) + "<stop>"


# --- Tokens as the official checks take them ----------------------------------------------------------------------

_BEFORE = (  # Penn Treebank conventions: quotes, punctuation, brackets, dashes
    (r"([«“‘„]|`+)", r" \1 "),
    (r'^"', "``"),
    (r"``", " `` "),
    (r"([ (\[{<])(\"|'')", r"\1 `` "),
    (r"(?i)(?<!\w)'(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=\w)", "' "),
    (r"([^.])\.([\])}>\"'»”’ ]*+)\s*+$", r"\1 . \2 "),
    (r"([:,])(\D)", r" \1 \2"),
    (r"([:,])$", r" \1 "),
    (r"(\.{2,})", r" \1 "),
    (r"([;@#$%&\u2012-\u2015?!])", r" \1 "),
    (r"([^'])' ", r"\1 ' "),
    (r"([*\]\[(){}<>])", r" \1 "),
    (r"--", " -- "),
)
_AFTER = (  # closing quotes and contractions, with a blank at both ends of the text
    (r"([»”’])", r" \1 "),
    (r"''|\"", " '' "),
    (r"\s+", " "),
    (r"([^' ])('[sSmMdD]|') ", r"\1 \2 "),
    (r"([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", r"\1 \2 "),
    (r"(?i)\b(can)(not)\b", r" \1 \2 "),
    (r"(?i)\b(d)('ye)\b", r" \1 \2 "),
    (r"(?i)\b(gim|lem)(me)\b", r" \1 \2 "),
    (r"(?i)\b(gon)(na)\b", r" \1 \2 "),
    (r"(?i)\b(got)(ta)\b", r" \1 \2 "),
    (r"(?i)\b(more)('n)\b", r" \1 \2 "),
    (r"(?i)\b(wan)(na)(?=\s)", r" \1 \2 "),
    (r"(?i) ('t)(is)\b", r" \1 \2 "),
    (r"(?i) ('t)(was)\b", r" \1 \2 "),
)
_BEFORE_RULES = tuple((re.compile(pattern), put) for pattern, put in _BEFORE)
_AFTER_RULES = tuple((re.compile(pattern), put) for pattern, put in _AFTER)
_BREAK = re.compile(r"(?<![.?!])[.?!]++[\"')\]}»”’*_]*+\s++")
_NO_BREAK = re.compile(r"(?:^|[\s(])(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e)\.$")


def official_tokens(text: str) -> Iterator[str]:
    """Words and punctuation by the Treebank conventions, sentence by sentence.

    The official checks split sentences with a trained model first. It decides only whether a period is a token of its
    own; simple rules stand in for it.

    Example:
        >>> list(official_tokens("We can't stop. \\"Go!\\""))
        ['We', 'ca', "n't", 'stop', '.', '``', 'Go', '!', "''"]
    """
    return (token for sentence in _pieces(text) for token in _treebank(sentence))


def _pieces(text: str) -> list[str]:
    found, start = [], 0
    for match in _BREAK.finditer(text):
        if text[match.start()] == "." and _NO_BREAK.search(text, max(start, match.start() - 8), match.start() + 1):
            continue
        found.append(text[start : match.end()].strip())
        start = match.end()
    return [piece for piece in (*found, text[start:].strip()) if piece]


def _treebank(sentence: str) -> list[str]:
    for pattern, put in _BEFORE_RULES:
        sentence = pattern.sub(put, sentence)
    sentence = f" {sentence} "
    for pattern, put in _AFTER_RULES:
        sentence = pattern.sub(put, sentence)
    return sentence.split()
