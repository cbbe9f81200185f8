"""What begins an operand: numerals, names, brackets, commands."""

from __future__ import annotations

import re
from fractions import Fraction

from rlvr_gym.verifiers.math.lexer import CONSTANTS, FUNCTIONS, GREEK
from rlvr_gym.verifiers.math.operators import BigOperators
from rlvr_gym.verifiers.math.tree import EULER, IMAGINARY, MAX_DIGITS, Node, NotMath, TooLarge, neg, num, sym

CONST_COMMANDS = {**CONSTANTS, "emptyset": "emptyset", "ldots": "dots", "R": "R", "Z": "Z", "N": "N", "Q": "Q"}
UNARY = 25
_BLACKBOARD = frozenset("RZNQC")
_POINTS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ123")
_ACCENTS = frozenset(
    """vec hat bar tilde overline underline widehat widetilde overrightarrow overleftarrow dot ddot acute
    check""".split()
)


class Operands(BigOperators):
    """The prefix half of the parser.

    Args:
        tokens: As `lexer.tokenize` made them.
    """

    def bracket_items(self, at: int, closer: str) -> list[Node]:
        """The relations between commas from a token on, up to a closing bracket."""
        self.at = at
        items = [self.relation()]
        while self.tokens[self.at].text == "," and self.tokens[self.at].kind == "op":
            self.at += 1
            items.append(self.relation())
        self.expect(closer)
        return items

    def prefix(self) -> Node:
        """One operand."""
        token = self.tokens[self.at]
        self.at += 1
        kind, text = token.kind, token.text
        if kind == "num":
            return self._numeral(text)
        if kind == "letter":
            return IMAGINARY if text == "i" else EULER if text == "e" else sym(text)
        if kind == "op":
            return self._prefix_operator(text)
        if kind == "cmd":
            return self._prefix_command(text)
        if kind == "word":
            return self._prefix_word(text)
        if kind in ("name", "operator"):
            return sym(text)
        if kind == "repeat":
            return _repeating(text)
        if kind == "rm":
            return self._roman(text)
        if kind == "text":
            if len(text.strip()) == 1 and text.strip().isalpha():
                return self._roman(text.strip())
            return Node("text", (), " ".join(text.split()))
        raise NotMath("the text ends where an operand is expected")

    def _numeral(self, text: str) -> Node:
        if len(text) > MAX_DIGITS:
            raise TooLarge(f"a numeral of {len(text):,} digits")
        if is_number(text, MAX_DIGITS):
            return Node("num", (), int(text))
        return num(decimal(text))

    def _prefix_operator(self, text: str) -> Node:
        if text == "-":
            return neg(self.expr(UNARY - 1))
        if text == "+":
            return self.expr(UNARY - 1)
        if text in ("(", "["):
            return self._bracket(text)
        if text == "{":
            items = self.bracket_items(self.at, "}")
            return items[0] if len(items) == 1 else Node("list", tuple(items), ",")
        if text == "|":
            self.bars += 1
            node = self.expr(0)
            self.bars -= 1
            self.expect("|")
            return Node("abs", (node,))
        if text[:2] == "..":
            return Node("const", (), "dots")
        raise NotMath(f"{text!r} where an operand is expected")

    def _prefix_word(self, text: str) -> Node:
        if text in FUNCTIONS:
            return self.function(text)
        if text in CONSTANTS:
            return Node("const", (), CONSTANTS[text])
        if text in GREEK:
            return sym(text)
        return Node("text", (), text)

    def _prefix_command(self, text: str) -> Node:
        if text == "frac":
            return self.fraction()
        if text in FUNCTIONS:
            return self.function(text)
        if text in CONST_COMMANDS:
            return Node("const", (), CONST_COMMANDS[text])
        if text in GREEK:
            return sym(text)
        if text in ("pm", "mp"):
            return Node("pm", (self.expr(UNARY - 1),), "+-" if text == "pm" else "-+")
        if text == "{":
            return self.braces()
        if text == "langle":
            return Node("vector", tuple(self.bracket_items(self.at, "rangle")))
        if text in ("lfloor", "lceil", "|", "lVert"):
            closer, head = {"lfloor": ("rfloor", "floor"), "lceil": ("rceil", "ceil")}.get(text, (text, "norm"))
            node = self.expr(0)
            self.expect(closer.replace("lVert", "rVert"))
            return Node(head, (node,)) if head != "norm" else Node("call", (node,), "norm")
        if text == "begin":
            return self.environment()
        if text == "boxed":
            return self.group()
        if text == "mathbb":
            name = self.subscript_text()
            return Node("const", (), name) if name in _BLACKBOARD else sym("bb:" + name)
        if text in ("angle", "triangle"):
            return sym(f"{text}:{self._letters()}")
        if text in _ACCENTS:
            return sym(f"{text}:{self.subscript_text()}")
        return self.big_operator(text)

    def _letters(self) -> str:
        """The points of an angle or a triangle: a group, or capital letters in a row."""
        if self.tokens[self.at].text == "{":
            return self.subscript_text()
        start = self.at
        while self.tokens[self.at].kind in ("letter", "name", "num") and self.tokens[self.at].text[0] in _POINTS:
            self.at += 1
        if self.at == start:
            raise NotMath("an angle without a name")
        return "".join(token.text for token in self.tokens[start : self.at])

    def _roman(self, text: str) -> Node:
        if text == "e":
            return EULER
        if text == "i":
            return IMAGINARY
        if text in FUNCTIONS:
            return self.function(text)
        name = "".join(text.split())
        if not name.isalpha():
            raise NotMath(f"{text!r} where an operand is expected")
        return sym(name) if len(name) == 1 else Node("text", (), " ".join(text.split()))

    def _bracket(self, opener: str) -> Node:
        """A group, a pair, a tuple."""
        if self.tokens[self.at].text == ")" and opener == "(":
            self.at += 1
            return Node("tuple", (), "()")
        items = [self.relation()]
        while self.tokens[self.at].text in (",", ";") and self.tokens[self.at].kind == "op":
            self.at += 1
            items.append(self.relation())
        closer = self.tokens[self.at].text
        if closer not in (")", "]"):
            raise NotMath(f"{opener!r} is not closed")
        self.at += 1
        brackets = opener + closer
        if len(items) == 1:
            if brackets not in ("()", "[]"):
                raise NotMath("brackets do not match")
            return items[0]
        if len(items) == 2:
            return Node("pair", tuple(items), brackets)
        if brackets not in ("()", "[]"):
            raise NotMath("brackets do not match")
        return Node("tuple", tuple(items), brackets)


def is_number(text: str, digits: int = 9) -> bool:
    """Whether a text is nothing but ASCII digits, and not too many.

    Example:
        >>> is_number("12"), is_number("①"), is_number("1" * 10)
        (True, False, False)
    """
    return len(text) <= digits and text.isascii() and text.isdigit()


def decimal(text: str) -> Fraction:
    """A decimal numeral, exactly.

    Raises:
        TooLarge: More than `MAX_DIGITS` digits once written out.

    Example:
        >>> decimal("1.5e3"), decimal(".25")
        (Fraction(1500, 1), Fraction(1, 4))
    """
    mantissa, _, exponent = text.lower().partition("e")
    if len(text) > MAX_DIGITS or len(exponent) > 4 or abs(int(exponent or 0)) > MAX_DIGITS:
        raise TooLarge("a numeral with too many digits")
    whole, _, decimals = mantissa.partition(".")
    shift = int(exponent or 0) - len(decimals)
    digits = int((whole + decimals) or "0")
    return Fraction(digits * 10**shift) if shift >= 0 else Fraction(digits, 10**-shift)


_REPEAT = re.compile(r"(\d*)\.(\d*)(?:\\[a-z]+\s*\{?|\()(\d+)")


def _repeating(text: str) -> Node:
    """`0.1\\overline{6}` as a fraction."""
    match = _REPEAT.match(text)
    if match is None or len(text) > MAX_DIGITS:
        raise NotMath("not a repeating decimal")
    whole, start, cycle = match.groups()
    head = Fraction(int((whole + start) or "0"), 10 ** len(start))
    return num(head + Fraction(int(cycle), (10 ** len(cycle) - 1) * 10 ** len(start)))
