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

from fractions import Fraction

from rlvr_gym.verifiers.math.lexer import END, FUNCTIONS, GREEK, Token, to_ascii, tokenize
from rlvr_gym.verifiers.math.operands import CONST_COMMANDS, UNARY, Operands, is_number
from rlvr_gym.verifiers.math.tree import Node, NotMath, add, check_depth, mul, neg, num, sym

_RELATIONS = {
    "=": "=", "==": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "!=": "!=", "le": "<=", "ge": ">=", "ne": "!=",
    "approx": "~", "in": "in", "equiv": "==", "sim": "sim", "notin": "notin", "subset": "subset",
    "subseteq": "subset=", "Rightarrow": "=>", "rightarrow": "->", "mapsto": "->", "propto": "propto",
}  # fmt: skip
_SETS = {"cup": ("union", 5), "union": ("union", 5), "cap": ("inter", 6), "setminus": ("minus", 5)}
_APPLIED = frozenset("fghFGHu")
_ADD, _MUL = 10, 20
_CLOSE = frozenset({")", "]", "}", "|", ",", ";"})
_CLOSE_COMMANDS = frozenset({"}", "rangle", "rfloor", "rceil", "\\", "end", "mid", "and", "or", "rVert"})


class Parser(Operands):
    """Recursive descent over a token list; one object a text.

    Args:
        tokens: As `lexer.tokenize` made them.
    """

    def relation(self) -> Node:
        """A chain of sides: `a < b <= c`, or one side alone."""
        sides, operators = [self.side()], []
        while (operator := self._relation_operator()) is not None:
            operators.append(operator)
            side = self.side()
            plain_set = operator in ("in", "notin") and side.head == "sym" and side.value in "RZNQC"
            sides.append(Node("const", (), side.value) if plain_set else side)
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
        elif kind in ("end", "text") or (kind == "name" and token.spaced and left.head in ("num", "div")):
            return None
        elif kind == "word" and text in _SETS:
            return self._set_operation(left, text, power)
        elif (kind == "word" and text not in FUNCTIONS and text not in CONST_COMMANDS and text not in GREEK) or (
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
        if power > 0 or self.colons:
            return None
        self.at += 1
        minutes = self.tokens[self.at]
        right = self.expr(1)
        parts = (*left.args, right) if left.head in ("ratio", "time") else (left, right)
        clock = minutes.kind == "num" and len(minutes.text) == 2 and right.head == "num" and right.value < 60
        return Node("time" if clock and left.head in ("num", "time") else "ratio", parts)

    def _juxtapose(self, left: Node, power: int) -> Node | None:
        """Implicit multiplication, mixed numbers, application."""
        if power >= UNARY:
            return None
        token = self.tokens[self.at]
        before = self.tokens[self.at - 1]
        if token.kind in ("num", "repeat"):
            if before.kind == "num" and left.head == "num" and self._plain_mixed():
                return self._mixed(left, self.expr(UNARY - 1), allow_slash=True)
            if before.kind != "letter" and before.text not in (")", "]", "|", "!"):
                raise NotMath("two numbers side by side")
        if token.text == "{" and before.kind == "num" and self.tokens[self.at + 1].kind == "num":
            raise NotMath("two numbers side by side")
        if token.text == "(" and left.head == "sym" and before.text not in (")", "]"):
            applied = self._application(left)
            if applied is not None:
                return applied
        if token.text == "frac" and before.kind == "num" and left.head == "num":
            return self._mixed(left, self.expr(UNARY), allow_slash=False)
        if power >= _MUL:
            return None
        return mul(left, self.expr(_MUL))

    def _plain_mixed(self) -> bool:
        """Whether `1 1/2` stands here: numeral, space, numeral, slash, numeral."""
        a, b, c = (self.tokens[min(self.at + i, len(self.tokens) - 1)] for i in range(3))
        return a.spaced and is_number(a.text) and b.text == "/" and c.kind == "num" and is_number(c.text)

    def _mixed(self, whole: Node, part: Node, *, allow_slash: bool) -> Node:
        """`2\\frac{1}{3}`; an improper fraction is a factor instead."""
        if allow_slash and part.head != "div":
            self.at += 1
            part = Node("div", (part, self.expr(UNARY)))
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
        inside = self.bracket_items(start + 1, ")")
        if left.value in _APPLIED or all(item.head in ("sym", "num", "const") for item in inside):
            return Node("call", tuple(inside), left.value)
        self.at = start
        return None

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
            if self.tokens[self.at].text == "^" and left.value in ("C", "A", "P") and is_number(index):
                return self._choose(left.value, name, int(index))
            return sym(name)
        if left.head == "num" and numeral.kind == "num" and is_number(index) and is_number(numeral.text):
            return Node("based", (), (numeral.text, int(index)))
        if left.head == "num" and numeral.text == ")" and is_number(index):
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
        if self.tokens[self.at].text in ("^", "**") and self.tokens[self.at].kind == "op":  # 2^3^2 is 2^(3^2)
            self.enter()
            self.at += 1
            exponent = self._power(exponent)
            self.depth -= 1
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
    check_depth(node)
    return node
