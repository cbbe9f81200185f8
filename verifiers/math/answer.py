"""From the text of one answer to a tree: wrappers off, then the top of the grammar: lists, units, currency, words.

What cannot be read as mathematics is kept as `opaque`: such an answer equals only one that is written the same.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from rlvr_gym.verifiers.extraction import braced
from rlvr_gym.verifiers.math.lexer import (
    BARE_UNITS,
    END,
    JOINERS,
    Token,
    canonical,
    to_ascii,
    tokenize,
)
from rlvr_gym.verifiers.math.parser import Parser
from rlvr_gym.verifiers.math.tree import MAX_CHARS, Node, NotMath, TooLarge, check_depth, mul, num
from rlvr_gym.verifiers.math.units import SCALES, unit
from rlvr_gym.verifiers.numerals import TEXT_GROUP

_CURRENCY = {"$": "$", "€": "€", "£": "£", "¥": "¥"}
_LEAD = re.compile(
    r"(?:so |thus |hence |therefore,? )?(?:the |my )?(?:final |correct |right )?(?:answer|option|choice|solution)"
    r"(?: is|:)(?: that| option| choice|:)?\s+",
    re.IGNORECASE,
)
_TEXT_LEAD = re.compile(r"\\text\{\s*(?:the )?(?:final )?answer is:?\s*\}\s*", re.IGNORECASE)
_BASED = re.compile(
    r"\(?(?:\\(?:text|mathrm)\{)?([0-9A-Fa-f]{1,500})\}?\)?_\{?(?:\\text\{)?(\d{1,2}|two|three|five|eight|ten|sixteen)\}{0,2}"
)
_FRENCH = re.compile(r"([\[\]])([^\[\]()]+,[^\[\]()]+)([\[\]])")
_PROSE = re.compile(r"[A-Za-z][A-Za-z'.\- ]*")
_CHOICE = re.compile(r"(?:option |choice )?\(?([A-J])\)?[.:]?", re.IGNORECASE)
_SHORT_WORDS = frozenset(
    "yes no odd up day one two six ten red tie dne may jun jul mon tue wed thu fri sat sun".split()
)
_NUMBER_WORDS = dict(zip(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen""".split(), range(20), strict=True)) | dict(zip(
    "twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True))  # fmt: skip
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,599})")
MAX_WRAPPERS = 20


class Reading(NamedTuple):
    """How a text was read.

    Args:
        node: The tree; `opaque` where the text is no mathematics.
        decimals: Digits after the decimal point where the text is one decimal numeral, else None.
        grouped: Whether a comma was read as a thousands separator where it could part a list.
        text: What was read, without its wrappers.
    """

    node: Node
    decimals: int | None = None
    grouped: bool = False
    text: str = ""


def read(text: str, *, split_groups: bool = False) -> Reading:
    """Read one answer.

    Args:
        text: The text of a box.
        split_groups: Read `1,234` as a list.

    Raises:
        TooLarge: A cap was met.

    Example:
        >>> read("$x = 5$").node.head, read("3,\\\\ 4").node.head, read("\\\\text{ even }").node
        ('rel', 'list', Node(head='text', args=(), value='even'))
        >>> read("18 dollars").node.head, read("\\\\mapsto").node.head
        ('qty', 'opaque')
    """
    if _PLAIN_NUMBER.fullmatch(text):
        return Reading(Node("num", (), int(text)), None, False, text)
    if len(text) > MAX_CHARS:
        raise TooLarge(f"{len(text):,} characters")
    text = unwrap(text)
    if text[:1] == "~":  # about; inside a formula it is a space
        text = "\\sim " + text[1:]
    words = _words(text)
    if words is not None:
        return Reading(words, None, False, text)
    text = to_ascii(text) if not text.isascii() else text
    based = _BASED.fullmatch(text)
    if based:
        base = based[2]
        return Reading(
            Node("based", (), (based[1], _NUMBER_WORDS[base] if base.isalpha() else int(base))), None, False, text
        )
    french = _FRENCH.fullmatch(text)
    if french and (french[1] == "]" or french[3] == "["):  # ]2,5[ is (2,5)
        text = "[("[french[1] == "]"] + french[2] + "])"[french[3] == "["]
    split_groups = split_groups or _PARTED.search(text) is not None
    tokens = tokenize(text, split_groups=split_groups)
    grouped = not split_groups and _GROUPED.search(text) is not None
    try:
        node = Items(tokens).answer()
        check_depth(node)
        return Reading(node, _decimals(text), grouped, text)
    except NotMath:
        return Reading(Node("opaque", (), canonical(tokens)), None, grouped, text)


def as_written(text: str) -> Node:
    """The answer as `opaque`: only its spelling counts.

    Raises:
        TooLarge: A cap was met.
    """
    return Node("opaque", (), canonical(tokenize(to_ascii(unwrap(text)))))


def as_mathematics(text: str) -> Node:
    """The answer as an expression, even where it looks like a letter of a choice or a word.

    Raises:
        TooLarge: A cap was met.
        NotMath: It cannot be read so.
    """
    return Items(tokenize(to_ascii(unwrap(text)))).answer()


_PARTED = re.compile(r"[0-9],[0-9]{1,2}(?![0-9])|[0-9],[0-9]{4}")  # 27,54,108: then no comma groups thousands
_GROUPED = re.compile(r"[0-9],[0-9]{3}(?![0-9])")
_DECIMAL = re.compile(r"[-+]?\s*+(?:\\\$)?\s*+\d*+\.(\d++)\s*+(?:\D.*+)?", re.DOTALL | re.ASCII)


def _decimals(text: str) -> int | None:
    match = _DECIMAL.fullmatch(text)
    return len(match[1]) if match else None


def unwrap(text: str) -> str:
    """Take off what says nothing: dollars, bold, a final full stop, an inner box, `the answer is`.

    Example:
        >>> unwrap("**$\\\\boxed{5}$.**"), unwrap("The answer is 7.")
        ('5', '7')
    """
    for _ in range(MAX_WRAPPERS):
        before = text
        text = text.strip()
        if text[-1:] in (".", ",", ";") and text[-2:] not in ("\\,", "\\;") and not text.endswith(".."):
            text = text[:-1].rstrip()
        if text[:2] == "**" and text[-2:] == "**" and len(text) > 4:
            text = text[2:-2]
        for left, right in (("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("`", "`")):
            if text.startswith(left) and text.endswith(right) and len(text) > len(left) + len(right) - 1 > 0:
                inner = text[len(left) : len(text) - len(right)]
                if left not in inner.replace("\\$", "") and len(text) >= len(left) + len(right):
                    text = inner
        if text.startswith("\\boxed") and "{" in text:
            start = text.index("{")
            inner_box = braced(text, start)
            if inner_box is not None and start + len(inner_box) + 2 == len(text):
                text = inner_box
        lead = _LEAD.match(text) or _TEXT_LEAD.match(text)
        if lead:
            text = text[lead.end() :]
        if text == before:
            break
    return text


def _words(text: str) -> Node | None:
    """A choice letter, a number in words, or words; None where the text is to be read as mathematics."""
    plain = text
    wrapped = "\\" in text
    if wrapped:
        plain = TEXT_GROUP.sub(r" \1 ", text).replace("\\ ", " ").replace("~", " ")
        if "\\" in plain:
            return None
    plain = " ".join(plain.split())
    choice = _CHOICE.fullmatch(plain)
    if choice and (plain[0] == "(" or choice[1].isupper() or len(plain) > 3):
        return Node("choice", (), choice[1].upper())
    if not _PROSE.fullmatch(plain):
        return None
    words = plain.lower().replace("-", " ").rstrip(".").split()
    number = number_in_words(words)
    if number is not None:
        return number
    if not words or words == ["infinity"]:
        return None
    if wrapped and TEXT_GROUP.fullmatch(text) and len(plain) > 1 and words[0] not in BARE_UNITS:
        return Node("text", (), plain)
    long_words = [w for w in words if len(w) > 3 or w in _SHORT_WORDS]
    if not long_words or any(w in BARE_UNITS or w in _MATH_WORDS for w in words) or any(w in JOINERS for w in words):
        return Node("text", (), plain) if len(words) > 2 and long_words else None
    return Node("text", (), plain)


_MATH_WORDS = frozenset(
    "sqrt frac infinity infty alpha beta gamma theta lambda omega sigma delta epsilon arctan".split()
)


def number_in_words(words: list[str]) -> Node | None:
    """`twenty five` as 25, or None.

    Example:
        >>> number_in_words(["twenty", "five"]), number_in_words(["five", "two"])
        (Node(head='num', args=(), value=25), None)
        >>> number_in_words(["one", "hundred"]).value
        100
    """
    if len(words) == 1 and words[0] in _NUMBER_WORDS:
        return num(_NUMBER_WORDS[words[0]])
    if len(words) > 1 and words[-1] in SCALES:
        few = number_in_words(words[:-1])
        return None if few is None else num(few.value * SCALES[words[-1]])
    if len(words) == 2 and all(w in _NUMBER_WORDS for w in words):
        tens, ones = (_NUMBER_WORDS[w] for w in words)
        if tens >= 20 and 0 < ones < 10:
            return num(tens + ones)
    return None


class Items(Parser):
    """The top of the grammar."""

    def answer(self) -> Node:
        """The whole text.

        Raises:
            NotMath: It is not mathematics to its end.
        """
        items, joiner = [self.item()], ""
        while True:
            token = self.tokens[self.at]
            if token is END:
                break
            found = ""
            while self._is_joiner(self.tokens[self.at]):
                word = self.tokens[self.at].text
                found = word if word in JOINERS else found or ","
                self.at += 1
            if not found or (self.tokens[self.at] is END and found in JOINERS):
                raise NotMath(f"unexpected {token.text!r}")
            if self.tokens[self.at] is END:
                break
            joiner = found if joiner in ("", ",") else joiner
            items.append(self.item())
        return items[0] if len(items) == 1 else Node("list", tuple(items), joiner)

    @staticmethod
    def _is_joiner(token: Token) -> bool:
        if token.kind == "op":
            return token.text in ",;"
        return token.kind in ("word", "cmd") and token.text in JOINERS

    def item(self) -> Node:
        """One element: a relation, or several quantities in a row (`4 hours 30 minutes`)."""
        node = self.relation()
        parts = [node]
        while parts[-1].head == "qty" and self.tokens[self.at].kind == "num":
            parts.append(self.side())
        if len(parts) == 1:
            return node
        if any(part.head != "qty" for part in parts):
            raise NotMath("a number after a quantity")
        return Node("compound", tuple(parts))

    def side(self) -> Node:
        """One side, with its currency sign or unit."""
        sign = self._sign_of_currency()
        node = _celsius(super().side())
        scale = self._scale()
        if scale != 1:
            node = mul(node, num(scale))
        words = self._unit_words()
        if sign and not words:
            words = sign
        if not words:
            return node
        if node.head == "text":
            raise NotMath("words after words")
        return _quantity(node, words)

    def _sign_of_currency(self) -> str:
        at = self.at
        negative = self.tokens[at].text == "-"
        token = self.tokens[at + negative]
        if token.text in _CURRENCY and token.kind in ("cmd", "op"):
            if negative:
                self.tokens[at + 1] = self.tokens[at]
            self.at += 1
            return _CURRENCY[token.text]
        return ""

    def _scale(self) -> int:
        """`5 million`."""
        token = self.tokens[self.at]
        if token.kind in ("text", "name", "rm"):
            first, _, rest = token.text.strip().partition(" ")
            scale = SCALES.get(first.lower())
            if scale:
                if rest.strip():
                    self.tokens[self.at] = Token("text", rest)
                else:
                    self.at += 1
                return scale
        return 1

    def _unit_words(self) -> str:
        """The tokens of a unit, as text."""
        parts: list[str] = []
        while True:
            token = self.tokens[self.at]
            kind, text = token.kind, token.text
            if self._is_unit_word(token, bool(parts)):
                parts.append(f" {text} ")
            elif kind == "op" and text in "/." and parts and text:
                parts.append(text)
            elif text == "^" and parts:
                self.at += 1
                exponent = self.script()
                if exponent.head == "const" or type(exponent.value) is not int:
                    raise NotMath("a unit with a strange power")
                parts.append(f"^{exponent.value}")
                continue
            elif kind == "cmd" and (text == "$" or (text == "cdot" and parts)):
                parts.append(" " if text == "cdot" else "$")
            else:
                break
            self.at += 1
        return "".join(parts).strip()

    def _is_unit_word(self, token: Token, inside: bool) -> bool:
        """Whether a token can be (the next word of) a unit; unknown words need a space before them."""
        if token.kind in ("text", "rm"):
            return True
        if token.kind == "word":
            return token.text in BARE_UNITS
        if token.kind == "name":
            return inside or token.spaced
        return token.kind == "letter" and inside and self.tokens[self.at - 1].text == "/"


def _celsius(node: Node) -> Node:
    """`25°C`: a temperature, not a product."""
    if node.head == "mul" and len(node.args) == 2 and node.args[0].head == "deg":
        angle, letter = node.args
        if letter.head == "sym" and letter.value in "CF":
            return _quantity(angle, letter.value)
    return node


def _quantity(node: Node, words: str) -> Node:
    """A value with its unit; percent and degrees are heads of their own."""
    low = words.lower().strip(" .")
    if low in ("radian", "radians", "rad"):
        return Node("rad", (node,))
    if low in ("percent", "per cent", "percentage", "percents", "pct"):
        return Node("pct", (node,))
    if low in ("degree", "degrees"):
        return Node("deg", (node,))
    if node.head == "deg" and words in ("C", "F"):
        return Node("qty", (node.args[0],), (Fraction(1), (("~°" + words, 1),)))
    measured = unit(words.replace(".", ""))
    if not measured.dimension and measured.factor == 1:
        return node
    return Node("qty", (node,), tuple(measured))
