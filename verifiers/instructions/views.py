"""Views of a response: words, sentences, lines, paragraphs, list items. Deterministic, without data to fetch, linear.

Every constraint counts in one of these views, so that "a word" or "a paragraph" means the same in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# Vowel signs and accents that `\w` leaves out, and what else joins letters of a word in the scripts of the languages
# that `languages` knows.
_MARKS = (
    "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8"
    "\u06ea-\u06ed\u0900-\u0963\u0966-\u096f\u0971-\u0dff\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u200c\u200d"
)
UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # kana and Han: one character is one word
_PIECE = rf"(?:[^\W_{UNSPACED}]|[{_MARKS}])++"
_WORD = re.compile(rf"[{UNSPACED}]|{_PIECE}(?:['’]{_PIECE})*+")
_ASCII_WORD = re.compile(r"[A-Za-z0-9]++(?:'[A-Za-z0-9]++)*+")
_HAS_WORD = re.compile(r"[^\W_]")

_FENCE = re.compile(r"[ \t]*+(?:```|~~~)")
_RULE = re.compile(r"[ \t]*+(?:(?:\*[ \t]*+){3,}+|(?:-[ \t]*+){3,}+|(?:_[ \t]*+){3,}+)")
_BULLET = re.compile(r"[ \t]*+[-*+•][ \t]++(?=\S)")
_OPENING = re.compile(r"(?:[ \t]*+(?:#{1,6}(?=\s)|[-*+•>](?=\s)|\d{1,3}[.)](?=\s)))*+\s*+")

_ENDS = ".!?…。！？।؟"
_CLOSERS = "\"'’”»)]}*_`"
_STOP = re.compile(rf"[{_ENDS}]++[{re.escape(_CLOSERS)}]*+")
_WIDE = "。！？।"  # these end a sentence where no blank follows
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof sr jr st vs etc e.g i.e cf fig figs no nos vol pp ch sec dept inc ltd co corp approx est al"
    " gen col sgt capt lt rev hon u.s u.k u.n a.m p.m ph.d b.a m.a p.s p.p.s jan feb mar apr jun jul aug sep sept oct"
    " nov dec".split()
)
_TAIL = re.compile(r"[^\s(\[{\"'“‘*_]+\Z")
_TAIL_CHARS = 24


def words(text: str) -> list[str]:
    """Words as they stand: letters and digits, with apostrophes between them. Hyphens and underscores separate.

    A character of Chinese or Japanese is a word.

    Example:
        >>> words("It's a well-known fact: 3 cats_and_dogs…")
        ["It's", 'a', 'well', 'known', 'fact', '3', 'cats', 'and', 'dogs']
        >>> words("हिन्दी में"), words("東京 2020")
        (['हिन्दी', 'में'], ['東', '京', '2020'])
    """
    return (_ASCII_WORD if text.isascii() else _WORD).findall(text)


def has_word(text: str) -> bool:
    """Whether there is a letter or a digit at all."""
    return _HAS_WORD.search(text) is not None


def lines(text: str) -> list[str]:
    """Lines that are not blank, without blanks around them."""
    return [line for raw in text.split("\n") if (line := raw.strip())]


def paragraphs(text: str) -> list[str]:
    """Blocks of lines with blank lines between them.

    Example:
        >>> paragraphs("one\\ntwo\\n \\n\\nthree")
        ['one\\ntwo', 'three']
    """
    found: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip():
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return ["\n".join(block).strip() for block in found if block]


def without_code(text: str) -> str:
    """The text without fenced blocks of code; what follows a fence that is never closed belongs to it.

    Example:
        >>> without_code("a\\n```\\n* b\\n```\\nc")
        'a\\nc'
    """
    if "```" not in text and "~~~" not in text:
        return text
    kept, fence = [], ""
    for line in text.split("\n"):
        if _FENCE.match(line):
            mark = line.strip()[:3]
            fence = mark if not fence else "" if mark == fence else fence
        elif not fence:
            kept.append(line)
    return "\n".join(kept)


def is_rule(line: str) -> bool:
    """Whether a line is a divider of Markdown: three or more `*`, `-` or `_` and nothing else.

    Example:
        >>> is_rule("---"), is_rule("* * *"), is_rule("* a")
        (True, True, False)
    """
    return _RULE.fullmatch(line.rstrip()) is not None


def bullets(text: str) -> list[str]:
    """What stands in the list items that begin with `*`, `-`, `+` or `•` and a blank, outside blocks of code.

    Example:
        >>> bullets("* one\\n---\\n**bold** line\\n  - two\\n-3 degrees\\n* \\n")
        ['one', 'two']
    """
    found = []
    for line in without_code(text).split("\n"):
        match = _BULLET.match(line)
        if match and not is_rule(line) and has_word(line):
            found.append(line[match.end() :].rstrip())
    return found


def sentences(text: str) -> list[str]:
    """Sentences: up to `.`, `!`, `?`, `…` or their like, the end of a paragraph, a list item or a heading.

    Abbreviations (`Dr.`, `e.g.`), initials (`J. Bach`), numbers (`3.14`) and numbers of list items (`1.`) end none.
    Something without a letter or digit is none. How the next word is written is not looked at, so that a text without
    capitals has as many sentences.

    Example:
        >>> sentences("Dr. J. Bach paid 3.50 today. he left! \\"Why?\\" Nobody knows")
        ['Dr. J. Bach paid 3.50 today.', 'he left!', '"Why?"', 'Nobody knows']
        >>> sentences("# Title\\n1. one\\n2. two\\n\\nand this\\ngoes on.")
        ['Title', 'one', 'two', 'and this goes on.']
    """
    return [part for block in _blocks(text) for part in _split(block) if has_word(part)]


def _blocks(text: str) -> Iterator[str]:
    """Pieces that no sentence goes beyond, without what opens them."""
    open_block: list[str] = []
    for raw in text.split("\n"):
        line = raw.strip()
        opening = _OPENING.match(line)
        rest = line[opening.end() :] if opening else line
        begins = not line or rest != line or is_rule(line)
        if begins and open_block:
            yield " ".join(open_block)
            open_block = []
        if not line or is_rule(line):
            continue
        if line.startswith("#"):
            yield rest
        else:
            open_block.append(rest)
    if open_block:
        yield " ".join(open_block)


def _split(block: str) -> Iterator[str]:
    start = 0
    for match in _STOP.finditer(block):
        at, end = match.start(), match.end()
        if end < len(block) and not block[end].isspace() and block[at] not in _WIDE:
            continue
        if block[at : at + 1] == "." and block[at + 1 : at + 2] != "." and _goes_on(block, start, at):
            continue
        yield block[start:end].strip()
        start = end
    if start < len(block):
        yield block[start:].strip()


def _goes_on(block: str, start: int, at: int) -> bool:
    """Whether the full stop at `at` belongs to an abbreviation or an initial, with more to come."""
    if not block[at + 1 :].strip(_CLOSERS + " "):
        return False
    before = _TAIL.search(block[max(start, at - _TAIL_CHARS) : at])
    last = before[0] if before else ""
    return last.lower() in _ABBREVIATIONS or (len(last) == 1 and last.isalpha() and last.isupper() and last != "I")
