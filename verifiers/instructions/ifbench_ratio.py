"""IFBench, shares: stop words, kinds of sentences, overlap with a text, sentences of one length."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import Any

from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.instructions.constraint import Instruction, Outcome, Parameters
from rlvr_gym.verifiers.instructions.ifbench_tables import EMOJI, STOP_WORDS
from rlvr_gym.verifiers.instructions.ifbench_text import Content, Official, official_sentences, passage
from rlvr_gym.verifiers.instructions.parameters import Reads, Sentence, exactly
from rlvr_gym.verifiers.instructions.views import sentences, words

_AFTER_MARK = EMOJI | frozenset("\"'’”»)]}*_` \ufe0f\u200d")
_SAME_MARK = {"。": ".", "？": "?", "؟": "?", "！": "!"}


def percentage(value: Any) -> float:
    """A number from 0 to 100."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise ValueError(f"a number from 0 to 100, got {shown(value)}")
    return int(value) if float(value).is_integer() else float(value)


# --- stop_words ---------------------------------------------------------------------------------------------------

_PIECE = re.compile(r"\w+")


def _stop_words(response: str, parameters: Parameters) -> Outcome:
    found = [word.lower().replace("’", "'") for word in words(response)]
    share = 100 * sum(word in STOP_WORDS for word in found) / len(found)
    most = parameters["percentage"]
    return Outcome(share <= most, f"{share:.1f} % of the words are stop words, allowed {most} %")


def _stop_words_official(response: str, parameters: Parameters) -> bool:
    found = [piece.lower() for piece in _PIECE.findall(response)]
    return bool(found) and sum(piece in STOP_WORDS for piece in found) / len(found) * 100 <= parameters["percentage"]


# --- sentence_type and sentence_balance ---------------------------------------------------------------------------


def _marks(response: str) -> Counter[str]:
    """How many sentences end in each mark, whatever quote, bracket, emphasis or emoji closes them."""
    ends = map(_end, sentences(response))
    return Counter(_SAME_MARK.get(end, end) for end in ends)


def _end(sentence: str) -> str:
    return next((char for char in reversed(sentence) if char not in _AFTER_MARK), "")


def _type(response: str, _: Parameters) -> Outcome:
    found = _marks(response)
    kept = found["."] == 2 * found["?"] > 0
    return Outcome(kept, f"found {found['.']} statements and {found['?']} questions, needed 2 to 1")


def _type_official(response: str, _: Parameters) -> bool:
    found = Counter(sentence[-1:] for sentence in official_sentences(response))
    return found["."] == 2 * found["?"]


def _balance(response: str, _: Parameters) -> Outcome:
    marks = _marks(response)
    found = [marks[mark] for mark in ".?!"]
    kept = len(set(found)) == 1 and found[0] > 0
    return Outcome(kept, "found {} statements, {} questions and {} exclamations".format(*found))


def _balance_official(response: str, _: Parameters) -> bool:
    found = Counter(sentence[-1:] for sentence in official_sentences(response))
    return found["."] == found["?"] == found["!"]


# --- overlap ------------------------------------------------------------------------------------------------------


def _word_trigrams(text: str) -> set[tuple[str, ...]]:
    found = [word.lower() for word in words(text)]
    return set(zip(found, found[1:], found[2:], strict=False))


def _overlap(response: str, parameters: Parameters) -> Outcome:
    found, wanted = _word_trigrams(response), parameters["percentage"]
    share = 100 * len(found & _word_trigrams(parameters["reference_text"])) / len(found)
    return Outcome(abs(share - wanted) <= 2, f"{share:.1f} % of the trigrams are in the text, needed {wanted} % ± 2 %")


def _overlap_official(response: str, parameters: Parameters) -> bool:
    given, wanted = parameters["reference_text"], parameters["percentage"]
    found = {response[at : at + 3] for at in range(len(response) - 2)}
    known = {given[at : at + 3] for at in range(len(given) - 2)}
    return bool(found) and wanted - 2 <= len(found & known) / len(found) * 100 <= wanted + 2


# --- sentence_words -----------------------------------------------------------------------------------------------


def _one_length(response: str, _: Parameters) -> Outcome:
    found = sentences(response)
    if len(found) != 3:
        return exactly(len(found), 3, "sentences")
    lengths = [len(sentence) for sentence in found]
    if len(set(lengths)) > 1:
        return Outcome(False, "the sentences have {}, {} and {} characters".format(*lengths))
    word, times = Counter(word.lower() for word in words(response)).most_common(1)[0]
    return Outcome(times == 1, f"{word!r:.40} is there {times} times, needed once")


def _one_length_official(response: str, _: Parameters) -> bool:
    found = official_sentences(response)
    return len(found) == 3 and all(len(a) == len(b) for a, b in pairwise(found))


RATIO = (
    Instruction(
        "ratio:stop_words",
        Reads({"percentage": percentage}),
        Sentence("Let at most {percentage} % of all words be stop words."),
        Content(_stop_words),
        Official(_stop_words_official),
        ("Contractions fall into pieces, which count one by one: `don't` is two stop words.",),
    ),
    Instruction(
        "ratio:sentence_type",
        Reads(),
        Sentence("Write two statements for each question."),
        Content(_type),
        Official(_type_official),
        (
            "No statement and no question is a ratio of two to one.",
            "The number of a list item and an abbreviation are statements: `1.`, `cf.`",
            "Of `?!` the second mark is a sentence of its own.",
        ),
    ),
    Instruction(
        "ratio:sentence_balance",
        Reads(),
        Sentence("Write as many statements as questions and as exclamations."),
        Content(_balance),
        Official(_balance_official),
        (
            "No sentence of any of the three kinds is a balance.",
            "The number of a list item and an abbreviation are statements: `1.`, `cf.`",
        ),
    ),
    Instruction(
        "ratio:overlap",
        Reads({"reference_text": passage, "percentage": percentage}),
        Sentence(
            "Let {percentage} % (± 2 %) of the trigrams of words of the response occur in this text:\n{reference_text}"
        ),
        Content(_overlap),
        Official(_overlap_official),
        ("Trigrams are of characters, not of words.",),
    ),
    Instruction(
        "ratio:sentence_words",
        Reads(),
        Sentence("Write three sentences of the same number of characters in which no word occurs twice."),
        Content(_one_length),
        Official(_one_length_official),
        ("Nobody looks whether the words differ: one sentence three times passes.",),
    ),
)
