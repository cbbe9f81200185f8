"""How many syllables an English word has: the rule of the official check, and one with more endings and exceptions."""

from __future__ import annotations

import re

_GROUPS = re.compile(r"[aeiouy]+")
_LE = re.compile(r"[^aeiouyl]le[sd]?$")  # table, tables, troubled
_SILENT_END = re.compile(r"[^aeiouy]e$|[aeiouy][^aeiouy]*[^aeiouysxzcgh]es$|[gq]ue$|[^aeiouytd]ed$")
_SILENT_INSIDE = re.compile(r"[aeiouy][^aeiouyl]+e(?:ly$|ment|less|ness|ful)")  # largely, movement
_GAPS = re.compile(  # neighbouring vowels that are spoken apart
    r"(?<![cghstx])(?<!ll)(?<!in)i(?:a(?!ge)|o|u)|[aeiouy]ing|yer|oya|ya[ln]"
    r"|[a-z]{2}[^aeiouy]ie(?:r|st)$|(?<![gq])ua[lrt]"
    r"|uous|eo(?!us|n$|p)|[st]ia(?=t[ei])|(?<!th)(?<!m)(?<!h)eat(?:e|i|or)|iet|thm|sms?$"
)
_LISTED = {
    1: "once says said eye eyes ewe are were there where aisle isle real whole",
    2: "people every evening business something someone sometimes sometime somewhere naked wicked sacred science giant"
    " client trial lion ocean create poem poet chaos forest heaven seven several ruin fluid",
    3: "everything everyone area idea museum another beautiful chocolate created different family coyote areas ideas",
    4: "apostrophe catastrophe reality",
}
_EXCEPTIONS = {word: number for number, listed in _LISTED.items() for word in listed.split()}


def syllables(word: str) -> int:
    """An estimate by spelling: groups of vowels, less silent endings, more where vowels are spoken apart.

    Args:
        word: Of letters; 0 where there is none of a to z or there are digits.

    Example:
        >>> [syllables(word) for word in ("create", "walked", "wanted", "table", "idea", "B2B")]
        [2, 1, 2, 2, 3, 0]
    """
    word = word.lower().replace("'", "").replace("’", "")
    if any(letter.isdigit() for letter in word) or not any("a" <= letter <= "z" for letter in word):
        return 0
    if word in _EXCEPTIONS:
        return _EXCEPTIONS[word]
    found = len(_GROUPS.findall(word)) + len(_GAPS.findall(word)) - len(_SILENT_INSIDE.findall(word))
    if _SILENT_END.search(word) and not _LE.search(word):
        found -= 1
    return max(found, 1)


def official_syllables(word: str) -> int:
    """The rule that the official package falls back on for words outside its list; the list is not part of this one.

    Example:
        >>> [official_syllables(word) for word in ("create", "table", "idea", "b2b")]
        [1, 2, 2, 0]
    """
    if not word or any(letter.isdigit() for letter in word):
        return 0
    found = len(_GROUPS.findall(word))
    if word.endswith("e"):
        found -= 1
    if word.endswith("le") and len(word) > 2 and word[-3] not in "aeiouy":
        found += 1
    return found or 1
