"""A Pratt parser from tokens to the tree: LaTeX, plain and Unicode mathematics, with caps and no evaluation.

Reading rules where the notation is ambiguous, the same for the reference and the answer:

- `1/2x` is (1/2)x; a function without brackets takes the product that follows it (`\\sin 2x` is sin(2x)).
- `2\\frac{1}{3}` and `2 1/3` are mixed numbers; any other two numerals side by side are refused.
- a letter before a bracket is a factor (`x(x-7)`), unless the bracket holds one name or number (`I(0)`, `P(A)`) or the
  letter is one of f g h F G H u (`f(x+1)`).
- letters in a row are a product, in a run of four or more one name.
- `\\frac{dy}{dx}` is one symbol, never y/x; `\\frac{d}{dx}` is an operator.
- `C_5^2` and `C_{5}^{2}` are binomial coefficients where both are whole numbers and the lower one is not the smaller.
"""

from __future__ import annotations

import re
from fractions import Fraction

from rlvr_gym.verifiers.math.lexer import CONSTANTS, END, FUNCTIONS, GREEK, Token, to_ascii, tokenize
from rlvr_gym.verifiers.math.operators import BigOperators
from rlvr_gym.verifiers.math.tree import (
    EULER,
    IMAGINARY,
    MAX_DIGITS,
    Node,
    NotMath,
    TooLarge,
    add,
    mul,
    neg,
    num,
    sym,
)

_RELATIONS = {
    "=": "=", "==": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "!=": "!=", "le": "<=", "ge": ">=", "ne": "!=",
    "approx": "~", "in": "in", "equiv": "==", "sim": "sim", "notin": "notin", "subset": "subset",
    "subseteq": "subset=", "Rightarrow": "=>", "rightarrow": "->", "mapsto": "->", "propto": "propto",
}  # fmt: skip
_SETS = {"cup": ("union", 5), "union": ("union", 5), "cap": ("inter", 6), "setminus": ("minus", 5)}
_CONST_COMMANDS = {**CONSTANTS, "emptyset": "emptyset", "ldots": "dots", "R": "R", "Z": "Z", "N": "N", "Q": "Q"}
_BLACKBOARD = frozenset("RZNQC")
_POINTS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ123")
_APPLIED = frozenset("fghFGHu")
_ADD, _MUL, _UNARY, _POSTFIX = 10, 20, 25, 40
_CLOSE = frozenset({")", "]", "}", "|", ",", ";"})
_CLOSE_COMMANDS = frozenset({"}", "rangle", "rfloor", "rceil", "\\", "end", "mid", "and", "or", "rVert"})
_ACCENTS = frozenset(
    """vec hat bar tilde overline underline widehat widetilde overrightarrow overleftarrow dot ddot acute
    check""".split()
)
_ARGUMENT_STOPS = FUNCTIONS | {"cdot", "times", "div", "int", "sum", "lim", "pm", "mp"}


class Parser(BigOperators):
    """Recursive descent over a token list; one object a text.

    Args:
        tokens: As `lexer.tokenize` made them.
    """

    def relation(self) -> Node:
        """A chain of sides: `a < b <= c`, or one side alone."""
        sides, operators = [self.side()], []
        while (operator := self._relation_operator()) is not None:
            operators.append(operator)
            sides.append(self.side())
        if not operators:
            return sides[0]
        return Node("rel", tuple(sides), tuple(operators))

    def _relation_operator(self) -> str | None:
        token = self.tokens[self.at]
        if token.kind not in ("op", "cmd", "word"):
            return None
        operator = _RELATIONS.get(token.text)
        if token.text == "not" and token.kind == "cmd":
            follower = self.tokens[self.at + 1].text
            operator = {"=": "!=", "in": "notin"}.get(follower)
            if operator:
                self.at += 1
        if operator is None:
            return None
        self.at += 1
        after = self.tokens[self.at]
        if operator in "<>" and after.text == "=" and not after.spaced:
            self.at += 1
            operator += "="
        return operator

    def side(self) -> Node:
        """One side of a relation; `(mod m)` belongs to it."""
        node = self.expr(0)
        modulus = self.modulus()
        return Node("mod", (node, modulus)) if modulus is not None else node

    def expr(self, power: int) -> Node:
        """Everything that binds tighter than `power`."""
        self.enter()
        left = self.prefix()
        while True:
            node = self.infix(left, power)
            if node is None:
                break
            left = node
        self.depth -= 1
        return left

    # --- What stands after an operand ------------------------------------------------------------------------------

    def infix(self, left: Node, power: int) -> Node | None:
        """One step further, or None where the operand ends."""
        token = self.tokens[self.at]
        kind, text = token.kind, token.text
        if kind == "op":
            if text == "(" and self.tokens[self.at + 1].text == "mod":
                return None
            if text in "+-":
                if power >= _ADD:
                    return None
                self.at += 1
                right = self.expr(_ADD)
                return add(left, right if text == "+" else neg(right))
            if text in "*/":
                return self._times(left, text, power)
            if text in ("^", "**"):
                self.at += 1
                return self._power(left)
            if text in ("!", "%", "'", "_"):
                return self._postfix(left, text)
            if text == "|" and not self.bars:
                return self._juxtapose(left, power)
            if text in _CLOSE or text in "=<>.:" or text in ("<=", ">=", "!=", "==", "=>", "->"):
                return self._ratio(left, power) if text == ":" else None
            if text not in ("(", "[", "{") and text[:2] != "..":
                return None
        elif kind == "cmd":
            if text in ("cdot", "times", "*", "div"):
                return self._times(left, "/" if text == "div" else "*", power)
            if text in ("pm", "mp"):
                if power >= _ADD:
                    return None
                self.at += 1
                return Node("pm", (left, self.expr(_ADD)), "+-" if text == "pm" else "-+")
            if text == "%":
                return self._postfix(left, "%")
            if text in _SETS:
                return self._set_operation(left, text, power)
            if text in _RELATIONS or text in _CLOSE_COMMANDS or text in ("mod", "pmod", "$", "not", "colon", "quad"):
                return None
        elif kind in ("end", "text"):
            return None
        elif kind == "word" and text in _SETS:
            return self._set_operation(left, text, power)
        elif (kind == "word" and text not in FUNCTIONS and text not in _CONST_COMMANDS and text not in GREEK) or (
            kind == "rm" and not self.is_letter(token)
        ):
            return None
        return self._juxtapose(left, power)

    def _times(self, left: Node, operator: str, power: int) -> Node | None:
        if power >= _MUL:
            return None
        self.at += 1
        right = self.expr(_MUL)
        return mul(left, right) if operator == "*" else Node("div", (left, right))

    def _set_operation(self, left: Node, text: str, power: int) -> Node | None:
        head, strength = _SETS[text]
        if power >= strength:
            return None
        self.at += 1
        right = self.expr(strength)
        if left.head == head and head != "minus":
            return Node(head, (*left.args, right))
        return Node(head, (left, right))

    def _ratio(self, left: Node, power: int) -> Node | None:
        if power > 0:
            return None
        self.at += 1
        minutes = self.tokens[self.at]
        right = self.expr(1)
        parts = (*left.args, right) if left.head in ("ratio", "time") else (left, right)
        clock = minutes.kind == "num" and len(minutes.text) == 2 and right.head == "num" and right.value < 60
        return Node("time" if clock and left.head in ("num", "time") else "ratio", parts)

    def _juxtapose(self, left: Node, power: int) -> Node | None:
        """Implicit multiplication, mixed numbers, application."""
        if power >= _UNARY:
            return None
        token = self.tokens[self.at]
        before = self.tokens[self.at - 1]
        if token.kind in ("num", "repeat"):
            if before.kind == "num" and left.head == "num" and self._plain_mixed():
                return self._mixed(left, self.expr(_UNARY - 1), allow_slash=True)
            if before.kind in ("num", "repeat", "op") and before.text not in (")", "]", "}", "|", "!"):
                raise NotMath("two numbers side by side")
        if token.text == "(" and left.head == "sym" and before.kind in ("letter", "cmd", "rm", "name"):
            applied = self._application(left)
            if applied is not None:
                return applied
        if power >= _MUL:
            return None
        if token.text == "frac" and before.kind == "num" and left.head == "num":
            return self._mixed(left, self.expr(_UNARY), allow_slash=False)
        return mul(left, self.expr(_MUL))

    def _plain_mixed(self) -> bool:
        """Whether `1 1/2` stands here: numeral, space, numeral, slash, numeral."""
        a, b, c = (self.tokens[min(self.at + i, len(self.tokens) - 1)] for i in range(3))
        return a.spaced and a.text.isdigit() and b.text == "/" and c.kind == "num" and c.text.isdigit()

    def _mixed(self, whole: Node, part: Node, *, allow_slash: bool) -> Node:
        """`2\\frac{1}{3}`; an improper fraction is a factor instead."""
        if allow_slash and part.head != "div":
            self.at += 1
            part = Node("div", (part, self.expr(_UNARY)))
        if part.head == "div" and type(whole.value) is int and whole.value > 0:
            top, bottom = part.args
            if top.head == bottom.head == "num" and 0 < top.value < bottom.value:
                return num(whole.value + Fraction(top.value) / bottom.value)
        if allow_slash:
            raise NotMath("two numbers side by side")
        return mul(whole, part)

    def _application(self, left: Node) -> Node | None:
        """`f(x)`, `I(0)`; None where the bracket is a factor."""
        start = self.at
        inside = self._bracket_items(start + 1, ")")
        if left.value in _APPLIED or all(item.head in ("sym", "num", "const") for item in inside):
            return Node("call", tuple(inside), left.value)
        self.at = start
        return None

    def _bracket_items(self, at: int, closer: str) -> list[Node]:
        self.at = at
        items = [self.relation()]
        while self.tokens[self.at].text == "," and self.tokens[self.at].kind == "op":
            self.at += 1
            items.append(self.relation())
        self.expect(closer)
        return items

    def _postfix(self, left: Node, text: str) -> Node:
        self.at += 1
        if text == "!":
            if self.tokens[self.at].text == "!":
                self.at += 1
                return Node("call", (left,), "fact2")
            return Node("fact", (left,))
        if text == "%":
            return Node("pct", (left,))
        if text == "'":
            if left.head == "sym":
                return sym(left.value + "'")
            if left.head == "call":
                return left._replace(value=left.value + "'")
            raise NotMath("a prime after what is no name")
        return self._subscript(left)

    def _subscript(self, left: Node) -> Node:
        """`x_1`, `C_5^2` and `204_5`, after the underscore."""
        numeral = self.tokens[self.at - 2]
        index = self.subscript_text()
        if left.head == "sym":
            name = f"{left.value}_{index}"
            if self.tokens[self.at].text == "^" and left.value in ("C", "A", "P") and index.isdigit():
                return self._choose(left.value, name, int(index))
            return sym(name)
        if left.head == "num" and numeral.kind == "num" and index.isdigit() and numeral.text.isdigit():
            return Node("based", (), (numeral.text, int(index)))
        if left.head == "num" and numeral.text == ")" and index.isdigit():
            return Node("based", (), (str(left.value), int(index)))
        raise NotMath("a subscript after what is no name")

    def _choose(self, letter: str, name: str, n: int) -> Node:
        """`C_5^2` (n below) and `A_5^2`; else a power of the symbol `C_1`."""
        self.at += 1
        exponent = self.script()
        k = exponent.value
        if exponent.head == "num" and type(k) is int and 0 <= k <= n and n > 1:
            return Node("call", (num(n), exponent), "binom" if letter == "C" else "perm")
        return Node("pow", (sym(name), exponent))

    def _power(self, base: Node) -> Node:
        """What follows `^`."""
        token = self.tokens[self.at]
        if token.text == "circ" or (token.text == "{" and self.tokens[self.at + 1].text == "circ"):
            self.at += 3 if token.text == "{" else 1
            if token.text == "{" and self.tokens[self.at - 1].text != "}":
                raise NotMath("a degree sign with more in its exponent")
            return Node("deg", (base,))
        if token.text in ("prime", "'") or (token.text == "{" and self.tokens[self.at + 1].text == "prime"):
            return self._prime(base, token)
        exponent = self.script()
        if base.head == "const" and base.value == "dots":
            raise NotMath("a power of dots")
        return Node("pow", (base, exponent))

    def _prime(self, base: Node, token: Token) -> Node:
        self.at += 1 if token.text != "{" else 0
        count = 1
        if token.text == "{":
            self.at += 1
            count = 0
            while self.tokens[self.at].text == "prime":
                self.at, count = self.at + 1, count + 1
            self.expect("}")
        if base.head not in ("sym", "call"):
            raise NotMath("a prime after what is no name")
        return base._replace(value=base.value + "'" * count)

    # --- What begins an operand ------------------------------------------------------------------------------------

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
        if kind == "name":
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
        if text.isdigit():
            return Node("num", (), int(text))
        return num(decimal(text))

    def _prefix_operator(self, text: str) -> Node:
        if text == "-":
            return neg(self.expr(_UNARY - 1))
        if text == "+":
            return self.expr(_UNARY - 1)
        if text in ("(", "["):
            return self._bracket(text)
        if text == "{":
            items = self._bracket_items(self.at, "}")
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
        if text in _CONST_COMMANDS:
            return Node("const", (), _CONST_COMMANDS[text])
        if text in GREEK:
            return sym(text)
        if text in ("pm", "mp"):
            return Node("pm", (self.expr(_UNARY - 1),), "+-" if text == "pm" else "-+")
        if text == "{":
            return self.braces()
        if text == "langle":
            return Node("vector", tuple(self._bracket_items(self.at, "rangle")))
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


def parse(text: str) -> Node:
    """Read one expression or relation, to the end of the text.

    Raises:
        NotMath: It is not one.
        TooLarge: A cap was met.

    Example:
        >>> parse("\\\\frac12 x") == parse("(1/2) * x")
        True
    """
    parser = Parser(tokenize(to_ascii(text)))
    node = parser.relation()
    if parser.tokens[parser.at] is not END:
        raise NotMath(f"unexpected {parser.tokens[parser.at].text!r}")
    return node
