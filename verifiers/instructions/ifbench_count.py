"""IFBench, counts: of words, conjunctions, names, numbers, punctuation marks, Japanese words, pronouns, keywords."""

from __future__ import annotations

import re
from typing import Any

from rlvr_gym.verifiers.instructions.constraint import Instruction, Outcome, Parameters
from rlvr_gym.verifiers.instructions.ifbench_tables import CONJUNCTIONS, NAMES, PERSONAL_PRONOUNS, PRONOUNS
from rlvr_gym.verifiers.instructions.ifbench_text import EDGES, LEAST_DIFFERENT, Content, Official, bare, different
from rlvr_gym.verifiers.instructions.parameters import Reads, Sentence, compared, count, exactly, text
from rlvr_gym.verifiers.instructions.views import has_word, words

# --- word_count_range ---------------------------------------------------------------------------------------------

_PIECE = re.compile(r"\w+")


def _read_range(given: Parameters) -> dict[str, Any]:
    found = Reads({"min_words": count, "max_words": count})(given)
    if found["min_words"] > found["max_words"]:
        raise ValueError(f"min_words must be at most max_words, got {found['min_words']} and {found['max_words']}")
    return found


def _range(response: str, parameters: Parameters) -> Outcome:
    found = words(response)
    low, high = parameters["min_words"], parameters["max_words"]
    if different(found) < min(LEAST_DIFFERENT, low):
        return Outcome(False, f"found {different(found)} different words, needed at least {min(LEAST_DIFFERENT, low)}")
    return Outcome(low <= len(found) <= high, f"found {len(found)} words, needed {low} to {high}")


def _range_official(response: str, parameters: Parameters) -> bool:
    return bool(parameters["min_words"] <= len(_PIECE.findall(response)) <= parameters["max_words"])


# --- unique_word_count --------------------------------------------------------------------------------------------


def _unique(response: str, parameters: Parameters) -> Outcome:
    return compared(different(words(response)), "at least", parameters["N"], "different words")


def _unique_official(response: str, parameters: Parameters) -> bool:
    return bool(len({word.strip(EDGES) for word in response.lower().split()}) >= parameters["N"])


# --- conjunctions -------------------------------------------------------------------------------------------------


def _at_most(most: int, value: Any) -> int:
    found = count(value)
    if found > most:
        raise ValueError(f"an integer from 1 to {most}, got {found}")
    return found


def _up_to_seven(value: Any) -> int:
    return _at_most(len(CONJUNCTIONS), value)


def _conjunctions(response: str, parameters: Parameters) -> Outcome:
    found = CONJUNCTIONS & {word.lower() for word in words(response)}
    return compared(len(found), "at least", parameters["small_n"], "different coordinating conjunctions")


def _conjunctions_official(response: str, parameters: Parameters) -> bool:
    found = {word for word in response.split() if word.strip(EDGES).lower() in CONJUNCTIONS}
    return bool(len(found) >= parameters["small_n"])


# --- person_names -------------------------------------------------------------------------------------------------


def _up_to_fifty(value: Any) -> int:
    return _at_most(len(NAMES), value)


def _names(response: str, parameters: Parameters) -> Outcome:
    found = {word.removesuffix("'s").removesuffix("’s") for word in words(response)} & set(NAMES)
    return compared(len(found), "at least", parameters["N"], "different names of the list")


def _names_official(response: str, parameters: Parameters) -> bool:
    return bool(sum(name in response for name in NAMES) >= parameters["N"])


# --- numbers ------------------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"(?<![^\W_])(?:\d{1,3}+(?:,\d{3})++(?!\d)|\d++)(?:\.\d++)?+")
_DIGITS = re.compile(r"\d+")


def _numbers(response: str, parameters: Parameters) -> Outcome:
    return exactly(len(_NUMBER.findall(response)), parameters["N"], "numbers in digits")


def _numbers_official(response: str, parameters: Parameters) -> bool:
    return bool(len(_DIGITS.findall(bare(response))) == parameters["N"])


# --- punctuation --------------------------------------------------------------------------------------------------

_MARKS = ".,!?;:"
_INTERROBANG = re.compile(r"\?!|!\?|‽")


def _punctuation(response: str, _: Parameters) -> Outcome:
    rest = _INTERROBANG.sub("", response)
    missing = [mark for mark in _MARKS if mark not in rest]
    if rest == response:
        missing.append("?!")
    return Outcome(not missing, f"missing: {' '.join(missing)}" if missing else "all marks are there")


def _punctuation_official(response: str, _: Parameters) -> bool:
    if not _INTERROBANG.search(response):
        return False
    rest = response.replace("?!", "", 1)
    if rest == response:
        rest = response.replace("!?", "", 1)
    return all(mark in rest for mark in _MARKS)


# --- words_japanese -----------------------------------------------------------------------------------------------

_JAPANESE = re.compile(r"[\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff66-\uff9f]")
_JAPANESE_OFFICIAL = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]")


def _japanese(response: str, parameters: Parameters) -> Outcome:
    found = [token for token in response.split() if has_word(token)]
    step = parameters["N"]
    if len(found) < step:
        return Outcome(False, f"found {len(found)} words, needed at least {step}")
    for place in range(step - 1, len(found), step):
        if not _JAPANESE.search(found[place]) or _LATIN.search(found[place]):
            return Outcome(False, f"word {place + 1} is not in Japanese")
    return Outcome(True, f"all {len(found) // step} words are in Japanese")


def _japanese_official(response: str, parameters: Parameters) -> bool:
    step = parameters["N"]
    chosen = [word.strip(EDGES) for word in response.split()[step - 1 :: step]]
    return all(not word or word.isdigit() or _JAPANESE_OFFICIAL.search(word) for word in chosen)


# --- pronouns -----------------------------------------------------------------------------------------------------

_APOSTROPHE = re.compile(r"['’]")


def _pronouns(response: str, parameters: Parameters) -> Outcome:
    found = sum(_APOSTROPHE.split(word, maxsplit=1)[0].lower() in PRONOUNS for word in words(response))
    return compared(found, "at least", parameters["N"], "pronouns")


def _pronouns_official(response: str, parameters: Parameters) -> bool:
    found = bare(response.replace("/", " ").lower()).split()
    return bool(sum(word in PERSONAL_PRONOUNS for word in found) >= parameters["N"])


# --- keywords_multiple --------------------------------------------------------------------------------------------

_TIMES = {"keyword1": 1, "keyword2": 2, "keyword3": 3, "keyword4": 5, "keyword5": 7}


def _read_keywords(given: Parameters) -> dict[str, Any]:
    found = Reads(dict.fromkeys(_TIMES, text))(given)
    if len({keyword.lower() for keyword in found.values()}) < len(_TIMES):
        raise ValueError(f"the five keywords must differ, got {', '.join(map(repr, found.values()))}")
    return found


def _keywords(response: str, parameters: Parameters) -> Outcome:
    lowered = response.lower()
    for name, times in _TIMES.items():
        keyword = parameters[name].lower()
        found = len(re.findall(rf"(?<!\w){re.escape(keyword)}(?!\w)", lowered))
        if found != times:
            return exactly(found, times, f"times {parameters[name]!r}")
    own = {word for name in _TIMES for word in words(parameters[name].lower())}
    others = len({word.lower() for word in words(response)} - own)
    return compared(others, "at least", LEAST_DIFFERENT, "different words besides the keywords")


def _keywords_official(response: str, parameters: Parameters) -> bool:
    lowered = response.lower()
    return all(lowered.count(parameters[name].lower()) == times for name, times in _TIMES.items())


COUNT = (
    Instruction(
        "count:word_count_range",
        _read_range,
        Sentence("Use between {min_words} and {max_words} words."),
        _range,
        Official(_range_official),
        (
            "An apostrophe divides a word: `don't` counts as two.",
            "One word over and over counts as a response of so many words.",
        ),
    ),
    Instruction(
        "count:unique_word_count",
        Reads({"N": count}),
        Sentence("Use at least {N} different words."),
        _unique,
        Official(_unique_official),
        (
            "Punctuation that stands alone counts as one more word.",
            "Words joined by hyphens or typographic marks count as one.",
        ),
    ),
    Instruction(
        "count:conjunctions",
        Reads({"small_n": _up_to_seven}),
        Sentence("Use at least {small_n} different ones of the conjunctions and, but, for, nor, or, so, yet."),
        Content(_conjunctions),
        Official(_conjunctions_official),
        ("`and`, `And` and `and,` count as three different conjunctions.",),
    ),
    Instruction(
        "count:person_names",
        Reads({"N": _up_to_fifty}),
        Sentence("Mention at least {N} different ones of these names: " + ", ".join(NAMES) + "."),
        _names,
        Official(_names_official),
        ("A name inside a longer word counts: `Leonard` mentions Leo.",),
    ),
    Instruction(
        "count:numbers",
        Reads({"N": count}),
        Sentence("Write exactly {N} numbers in digits."),
        Content(_numbers),
        Official(_numbers_official),
        (
            "Punctuation is taken out first: `1,2,3` and `10-20` count as one number.",
            "Digits inside a word count: `H2O` holds a number.",
        ),
    ),
    Instruction(
        "count:punctuation",
        Reads(),
        Sentence("Use each of the marks . , ! ? ; : and an interrobang (?!) at least once."),
        Content(_punctuation),
        Official(_punctuation_official),
        ("Only the first interrobang is set aside: a second one gives both ! and ?.", "Marks without words pass."),
    ),
    Instruction(
        "count:words_japanese",
        Reads({"N": count}),
        Sentence("Write every word whose position is a multiple of {N} in Japanese."),
        Content(_japanese),
        Official(_japanese_official),
        (
            "A response of fewer than N words passes.",
            "Punctuation that stands alone counts as a word, and passes in a place for Japanese, as digits do.",
            "A word of Latin letters with one Japanese character passes.",
        ),
    ),
    Instruction(
        "count:pronouns",
        Reads({"N": count}),
        Sentence("Use at least {N} pronouns."),
        Content(_pronouns),
        Official(_pronouns_official),
        (
            "Only personal, possessive and reflexive pronouns count.",
            "A pronoun in a contraction does not count: `I'm` is read as `im`.",
        ),
    ),
    Instruction(
        "count:keywords_multiple",
        _read_keywords,
        Sentence(
            "Use the word {keyword1} once, {keyword2} twice, {keyword3} three times, {keyword4} five times and"
            " {keyword5} seven times."
        ),
        _keywords,
        Official(_keywords_official),
        ("Keywords inside longer words count.", "A response of nothing but the keywords passes."),
    ),
)
