"""IFEval's kinds on words and characters: keywords, letters, language, case, commas (Zhou et al. 2023, 2311.07911)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from rlvr_gym.verifiers.instructions.constraint import Instruction, Outcome, Parameters
from rlvr_gym.verifiers.instructions.languages import LANGUAGES, language, likeliest, main_script
from rlvr_gym.verifiers.instructions.parameters import (
    Reads,
    Sentence,
    Worded,
    compared,
    count,
    letter,
    relation,
    text,
    texts,
)
from rlvr_gym.verifiers.instructions.views import paragraphs, words

_UNBOUNDED = frozenset("*+?{|(")  # of patterns that could take long or mean much; such a keyword is taken literally
_COMMAS = re.compile("[,\uff0c\u3001\u060c\ufe50\ufe51]")
_TOKEN = re.compile(r"\w++(?:[-.&/]\w++)*+")
_TELLING_WORDS = 12  # fewer are no reason to doubt that a text is English
_PARAGRAPH_WORDS = 8
_SUBSTRINGS = "A keyword is a regular expression and is found inside of longer words, as `cat` in `education`."


@lru_cache(maxsize=4096)
def _whole(phrase: str) -> re.Pattern[str]:
    """A phrase as whole words, in any case and with any blanks between its words."""
    pieces = r"\s+".join(map(re.escape, phrase.split()))
    return re.compile(rf"(?<!\w){pieces}(?!\w)", re.IGNORECASE)


@lru_cache(maxsize=4096)
def _official(keyword: str, bounded: bool) -> re.Pattern[str]:
    """A keyword as the official checks read it."""
    pieces = keyword if _UNBOUNDED.isdisjoint(keyword) else re.escape(keyword)
    edge = r"\b" if bounded else ""
    try:
        return re.compile(edge + pieces + edge, re.IGNORECASE)
    except re.error:
        return re.compile(edge + re.escape(keyword) + edge, re.IGNORECASE)


def times(response: str, phrase: str) -> int:
    """How often a phrase stands in a text as whole words, in any case.

    Example:
        >>> times("Education: a cat, a CAT and cats.", "cat")
        2
    """
    return sum(1 for _ in _whole(phrase).finditer(response))


def _has(response: str, keywords: Sequence[str], official: bool) -> list[str]:
    patterns = [_official(word, False) if official else _whole(word) for word in keywords]
    return [word for word, pattern in zip(keywords, patterns, strict=True) if pattern.search(response)]


def _listed(found: Sequence[str], keywords: Sequence[str]) -> Outcome:
    missing = [word for word in keywords if word not in found]
    if not missing:
        return Outcome(True, f"found all {len(keywords)} keywords")
    return Outcome(False, f"found {len(keywords) - len(missing)} of {len(keywords)} keywords, missing {missing[0]!r}")


def _existence(response: str, parameters: Parameters) -> Outcome:
    return _listed(_has(response, parameters["keywords"], False), parameters["keywords"])


def _existence_official(response: str, parameters: Parameters) -> Outcome:
    return _listed(_has(response, parameters["keywords"], True), parameters["keywords"])


def _frequency(response: str, parameters: Parameters) -> Outcome:
    keyword, wanted = parameters["keyword"], parameters["frequency"]
    return compared(times(response, keyword), parameters["relation"], wanted, f"times {keyword!r}")


def _frequency_official(response: str, parameters: Parameters) -> Outcome:
    keyword, wanted = parameters["keyword"], parameters["frequency"]
    found = sum(1 for _ in _official(keyword, False).finditer(response))
    return compared(found, parameters["relation"], wanted, f"times {keyword!r}")


def _without(found: Sequence[str]) -> Outcome:
    return Outcome(not found, f"found {found[0]!r}, which is forbidden" if found else "found no forbidden word")


def _forbidden(response: str, parameters: Parameters) -> Outcome:
    return _without(_has(response, parameters["forbidden_words"], False))


def _forbidden_official(response: str, parameters: Parameters) -> Outcome:
    return _without([word for word in parameters["forbidden_words"] if _official(word, True).search(response)])


def _letter(response: str, parameters: Parameters) -> Outcome:
    one = parameters["letter"]
    found = response.lower().count(one)
    return compared(found, parameters["let_relation"], parameters["let_frequency"], f"times {one!r}")


def language_code(value: object) -> str:
    """A code of a language that can be told.

    Raises:
        ValueError: It is none.
    """
    code = text(value).lower()
    if code not in LANGUAGES:
        raise ValueError(f"one of {', '.join(LANGUAGES)}, got {code[:20]!r}")
    return code


def _language(response: str, parameters: Parameters) -> Outcome:
    wanted, found = parameters["language"], language(response)
    if found != wanted:
        return Outcome(False, f"found the language {found or 'unsure'}, needed {wanted}")
    blocks = [block for block in paragraphs(response) if len(words(block)) >= _PARAGRAPH_WORDS]
    other = next((code for block in blocks if (code := language(block)) not in (None, wanted)), None)
    return Outcome(other is None, f"found the language {wanted}" + (f" and a paragraph in {other}" if other else ""))


def _language_official(response: str, parameters: Parameters) -> Outcome:
    wanted, found = parameters["language"], likeliest(response)
    kept = found == wanted or not any(map(str.isalpha, response))
    return Outcome(kept, f"found the language {found or 'unsure'}, needed {wanted}")


def _english(response: str, wrong: int, case: str) -> Outcome:
    """English in one case; `wrong` counts the letters in the other."""
    if not any(map(str.isalpha, response)):
        return Outcome(False, "there is no letter")
    if wrong:
        return Outcome(False, f"found {wrong} letters that are not {case}, needed none")
    found = language(response.lower())
    doubtful = found is None and (len(words(response)) >= _TELLING_WORDS or main_script(response) != "latin")
    if doubtful or found not in (None, "en"):
        return Outcome(False, f"found the language {found or 'unsure'}, needed en")
    return Outcome(True, f"every letter is {case}")


def _capital(response: str, parameters: Parameters) -> Outcome:
    return _english(response, 0 if response.isupper() else sum(map(str.islower, response)), "a capital")


def _lower(response: str, parameters: Parameters) -> Outcome:
    return _english(response, 0 if response.islower() else sum(map(str.isupper, response)), "lower case")


def _capital_official(response: str, parameters: Parameters) -> Outcome:
    kept = response.isupper() and likeliest(response.lower()) in (None, "en")
    return Outcome(kept, "all capitals" if kept else "not all capitals, or not English")


def _lower_official(response: str, parameters: Parameters) -> Outcome:
    kept = response.islower() and likeliest(response) in (None, "en")
    return Outcome(kept, "all lower case" if kept else "not all lower case, or not English")


def _capital_words(response: str, parameters: Parameters) -> Outcome:
    found = sum(sum(map(str.isalpha, word)) >= 2 and word.isupper() for word in words(response))
    target = parameters["capital_frequency"]
    return compared(found, parameters["capital_relation"], target, "words in capitals")


def _capital_words_official(response: str, parameters: Parameters) -> Outcome:
    found = sum(map(str.isupper, _TOKEN.findall(response)))
    target = parameters["capital_frequency"]
    return compared(found, parameters["capital_relation"], target, "words in capitals")


def _no_comma(response: str, parameters: Parameters) -> Outcome:
    found = sum(1 for _ in _COMMAS.finditer(response))
    return Outcome(not found, f"found {found} commas, needed none")


def _no_comma_official(response: str, parameters: Parameters) -> Outcome:
    return Outcome("," not in response, f"found {response.count(',')} commas, needed none")


_DETECTED = (
    "The language is detected by a statistical package with random numbers, and an error of it counts as a pass."
)

WORDS = (
    Instruction(
        "keywords:existence",
        Reads({"keywords": texts}),
        Sentence("Use each of these keywords: {keywords}."),
        Worded(_existence),
        _existence_official,
        (_SUBSTRINGS,),
    ),
    Instruction(
        "keywords:frequency",
        Reads({"keyword": text, "frequency": count, "relation": relation}),
        Sentence("Use the word '{keyword}' {relation} {frequency} times."),
        Worded(_frequency),
        _frequency_official,
        (_SUBSTRINGS,),
    ),
    Instruction(
        "keywords:forbidden_words",
        Reads({"forbidden_words": texts}),
        Sentence("Do not use any of these words: {forbidden_words}."),
        Worded(_forbidden),
        _forbidden_official,
        (
            "A forbidden word is a regular expression between word boundaries, so that `C#` is never found.",
            "A response without any word passes.",
        ),
    ),
    Instruction(
        "keywords:letter_frequency",
        Reads({"letter": letter, "let_frequency": count, "let_relation": relation}),
        Sentence("Use the letter '{letter}' {let_relation} {let_frequency} times, in either case."),
        Worded(_letter),
        _letter,
        (
            "In the place of a character that is no letter, as `#` in prompt 1122, a random letter is counted.",
            "A response without any word has fewer than any number of letters and passes.",
        ),
        exact=False,
    ),
    Instruction(
        "language:response_language",
        Reads({"language": language_code}),
        Sentence("Write the whole response in the language with the code '{language}', and in no other."),
        Worded(_language),
        _language_official,
        (_DETECTED, "One language is found for the whole; a paragraph in another one may stand in it."),
        exact=False,
    ),
    Instruction(
        "change_case:capital_word_frequency",
        Reads({"capital_frequency": count, "capital_relation": relation}),
        Sentence("Write {capital_relation} {capital_frequency} words in capital letters only."),
        Worded(_capital_words),
        _capital_words_official,
        ("A single letter, as in `I am`, is a word in capitals.", "Words are cut by a tokenizer that is downloaded."),
        exact=False,
    ),
    Instruction(
        "change_case:english_capital",
        Reads(),
        Sentence("Write the whole response in English and in capital letters only."),
        Worded(_capital),
        _capital_official,
        (_DETECTED,),
        exact=False,
    ),
    Instruction(
        "change_case:english_lowercase",
        Reads(),
        Sentence("Write the whole response in English and in lower case only."),
        Worded(_lower),
        _lower_official,
        (_DETECTED,),
        exact=False,
    ),
    Instruction(
        "punctuation:no_comma",
        Reads(),
        Sentence("Do not use any commas."),
        Worded(_no_comma),
        _no_comma_official,
        ("A response without any word passes.", "The commas of other scripts are none."),
    ),
)
