"""The parts of the grammar with a shape of their own: fractions, functions, big operators, sets, matrices."""

from __future__ import annotations

from abc import ABC, abstractmethod

from rlvr_gym.verifiers.math.lexer import END, FUNCTIONS, GREEK, Token
from rlvr_gym.verifiers.math.tree import EULER, MAX_DEPTH, Node, NotMath, TooLarge, add, neg, num, sym

_BIG = {
    "int": "int", "iint": "double int", "iiint": "triple int", "oint": "contour int", "sum": "sum", "prod": "prod",
    "lim": "lim", "limsup": "upper lim", "liminf": "lower lim", "bigcup": "bigcup", "bigcap": "bigcap",
}  # fmt: skip
_MATRICES = frozenset({"matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array", "vmatrix", "Vmatrix"})
_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot", "sec": "arcsec", "csc": "arccsc",
            "sinh": "arcsinh", "cosh": "arccosh", "tanh": "arctanh"}  # fmt: skip
_SPELLINGS = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh",
              "atanh": "arctanh", "sign": "sgn"}  # fmt: skip
_ADD, _MUL = 10, 20


class BigOperators(ABC):
    """The shared state of the parser and the productions that need no precedence.

    Args:
        tokens: As `lexer.tokenize` made them.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = [*tokens, END, END, END]
        self.at = 0
        self.depth = 0
        self.integrals = 0  # integrals whose differential ends the argument of a function
        self.colons = 0  # set builders that a colon may divide
        self.bars = 0  # absolute values, norms and set builders that a vertical bar may close

    @abstractmethod
    def relation(self) -> Node:
        """See `Parser`."""

    @abstractmethod
    def expr(self, power: int) -> Node:
        """See `Parser`."""

    @abstractmethod
    def prefix(self) -> Node:
        """See `Operands`."""

    def enter(self) -> None:
        """One level deeper."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooLarge(f"nested deeper than {MAX_DEPTH}")

    def expect(self, text: str) -> None:
        """Take this token, or refuse."""
        if self.tokens[self.at].text != text or self.tokens[self.at] is END:
            raise NotMath(f"expected {text!r}")
        self.at += 1

    def group(self) -> Node:
        """`{...}`, or the one token that LaTeX takes in its place (`\\frac12`)."""
        token = self.tokens[self.at]
        if token.kind == "op" and token.text == "{":
            self.at += 1
            node = self.relation()
            self.expect("}")
            return node
        if token.kind == "num" and len(token.text) > 1:
            return self._first_digit(token)
        self.enter()
        node = self.prefix()
        self.depth -= 1
        return node

    def _first_digit(self, token: Token) -> Node:
        """LaTeX takes one digit: `\\frac12` is one half."""
        if not token.text[0].isdigit():
            raise NotMath("a decimal point where one digit is expected")
        self.tokens[self.at] = Token("num", token.text[1:])
        if not token.text[1].isdigit():
            raise NotMath("a decimal where one digit is expected")
        return num(int(token.text[0]))

    def script(self) -> Node:
        """An exponent: a group, one token, or a signed number as plain text writes it (`x^-2`, `x^10`)."""
        token = self.tokens[self.at]
        if token.text in ("-", "+") and token.kind == "op":
            self.at += 1
            node = self.script()
            return node if token.text == "+" else neg(node)
        if token.kind == "num":
            return self.prefix()
        if token.text == "(":
            self.enter()
            node = self.prefix()
            self.depth -= 1
            return node
        return self.group()

    def subscript_text(self) -> str:
        """A subscript (or another argument that names something), as text."""
        token = self.tokens[self.at]
        self.at += 1
        if token.text != "{" or token.kind != "op":
            if token is END or token.kind == "op" or not token.text.isprintable():
                raise NotMath("a name is expected")
            return token.text.replace(" ", "")
        parts: list[str] = []
        depth = 1
        while True:
            token = self.tokens[self.at]
            self.at += 1
            if token is END:
                raise NotMath("a group is not closed")
            if token.kind == "op" and token.text in "{}":
                depth += 1 if token.text == "{" else -1
                if depth == 0:
                    return "".join(parts)
                continue
            if not token.text.isprintable():
                raise NotMath("a name that cannot be printed")
            parts.append("".join(token.text.split()))

    def fraction(self) -> Node:
        """`\\frac`, and the two derivatives that are written with it."""
        start = self.at
        derivative = self._derivative()
        if derivative is not None:
            return derivative
        self.at = start
        top = self.group()
        return Node("div", (top, self.group()))

    def _derivative(self) -> Node | None:
        """`\\frac{dy}{dx}` as one symbol, `\\frac{d}{dx} f` as an operator; None for an ordinary fraction."""
        if self.tokens[self.at].text != "{" or self.tokens[self.at + 1].text not in ("d", "partial", "mathrm"):
            return None
        top = self.subscript_text()
        if self.tokens[self.at].text != "{" or self.tokens[self.at + 1].text not in ("d", "partial"):
            return None
        bottom = self.subscript_text()
        if len(bottom.replace("partial", "d")) < 2 or bottom[1:2] in "+-*/^":
            return None
        if top in ("d", "partial") or (top[:2] in ("d^", "pa") and top.replace("partial", "d").lstrip("d^").isdigit()):
            body = self.expr(_MUL)
            return Node("op", (body,), f"diff:{bottom}" if top == "d" else f"diff:{top}:{bottom}")
        return sym(f"{top}/{bottom}")

    def function(self, name: str) -> Node:
        """A named function with its power, base and argument."""
        name = _SPELLINGS.get(name, name)
        power: Node | None = None
        base: Node | None = None
        if name == "sqrt":
            return self._root(whole_numeral=self.tokens[self.at - 1].kind == "word")
        while self.tokens[self.at].text in ("^", "_", "**") and self.tokens[self.at].kind == "op":
            self.at += 1
            if self.tokens[self.at - 1].text == "_":
                base = self.group()
            else:
                power = self.script()
        if name in ("binom", "gcd", "lcm", "max", "min", "det"):
            return self._listed(name)
        if power is not None and power == num(-1) and name in _INVERSE:
            name, power = _INVERSE[name], None
        argument = self._argument()
        node = _call(name, argument, base)
        return node if power is None else Node("pow", (node, power))

    def _root(self, *, whole_numeral: bool) -> Node:
        """A root; `\\sqrt12` takes one digit as LaTeX does, `sqrt12` of plain text the whole numeral."""
        index = num(2)
        if self.tokens[self.at].text == "[":
            self.at += 1
            index = self.relation()
            self.expect("]")
        if self.tokens[self.at].text == "(":
            self.enter()
            radicand = self.prefix()
            self.depth -= 1
        elif whole_numeral and self.tokens[self.at].kind == "num":
            radicand = self.prefix()
        else:
            radicand = self.group()
        return Node("root", (radicand, index))

    def _listed(self, name: str) -> Node:
        """`\\binom{n}{k}`, `\\gcd(a, b)`, `\\max\\{a, b\\}`."""
        if name == "binom" and self.tokens[self.at].text != "(":
            top = self.group()
            return Node("call", (top, self.group()), name)
        node = self.prefix()
        if node.head in ("pair", "tuple", "set", "list"):
            return Node("call", node.args, name)
        return Node("op" if name == "det" else "call", (node,), name)

    def _argument(self) -> Node:
        """What a function applies to: a bracketed group alone, else the product that follows."""
        token = self.tokens[self.at]
        if token.kind == "op" and token.text in ("(", "[", "{", "|"):
            self.enter()
            node = self.prefix()
            self.depth -= 1
            return node
        if token is END:
            raise NotMath("a function without an argument")
        return self._product()

    def _product(self) -> Node:
        """Factors without an operator between them, up to the next function or operator."""
        self.enter()
        node = self.prefix_power()
        factors = [node]
        while self._continues():
            factors.append(self.prefix_power())
        self.depth -= 1
        return factors[0] if len(factors) == 1 else Node("mul", tuple(factors))

    def prefix_power(self) -> Node:
        """An operand with its postfix operators."""
        return self.expr(30)

    def _continues(self) -> bool:
        token = self.tokens[self.at]
        if token.kind == "num":
            return self.tokens[self.at - 1].kind not in ("num", "repeat")
        if token.kind == "letter":
            return not (self.integrals and token.text == "d" and self.tokens[self.at + 1].kind in ("letter", "cmd"))
        if token.kind == "cmd":
            return token.text in GREEK or token.text in ("pi", "sqrt", "frac")
        return token.kind == "word" and (token.text in GREEK or token.text in ("pi", "sqrt"))

    def big_operator(self, name: str) -> Node:
        """`\\sum_{k=1}^{n} ...`; left unevaluated."""
        head = _BIG.get(name)
        if head is None:
            raise NotMath(f"\\{name} is not known")
        bounds: dict[str, Node] = {}
        while self.tokens[self.at].text in ("^", "_") and self.tokens[self.at].kind == "op":
            key = self.tokens[self.at].text
            self.at += 1
            bounds[key] = self.script() if key == "^" else self.group()
        self.integrals += head.endswith("int")
        body = self.expr(_ADD if head.endswith(("int", "lim")) else _MUL - 1)
        while head.endswith("int") and not _ends_in_differential(body) and self.tokens[self.at].text in ("+", "-"):
            sign = self.tokens[self.at].text
            self.at += 1
            term = self.expr(_ADD)
            body = add(body, term if sign == "+" else neg(term))
        self.integrals -= head.endswith("int")
        keys = [key for key in ("_", "^") if key in bounds]
        return Node("op", (body, *(bounds[key] for key in keys)), head + "".join(keys))

    def braces(self) -> Node:
        """`\\{...\\}`: a set, or its builder form."""
        if self.tokens[self.at].text == "}":
            self.at += 1
            return Node("const", (), "emptyset")
        self.bars, self.colons = self.bars + 1, self.colons + 1
        items = [self.relation()]
        self.bars, self.colons = self.bars - 1, self.colons - 1
        token = self.tokens[self.at]
        if token.text in ("mid", "|", ":"):
            self.at += 1
            condition = [self.relation()]
            while self.tokens[self.at].text in (",", "and"):
                self.at += 1
                condition.append(self.relation())
            self._close_braces()
            return Node("builder", (items[0], *condition))
        while self.tokens[self.at].text in (",", ";"):
            self.at += 1
            items.append(self.relation())
        self._close_braces()
        return Node("set", tuple(items))

    def _close_braces(self) -> None:
        token = self.tokens[self.at]
        if token.text != "}" or token.kind != "cmd":
            raise NotMath("a set is not closed")
        self.at += 1

    def environment(self) -> Node:
        """`\\begin{pmatrix} ... \\end{pmatrix}`."""
        name = self.subscript_text()
        if name not in _MATRICES:
            raise NotMath(f"the environment {name!r} is not known")
        if name == "array":
            self.subscript_text()  # the column specification
        rows: list[list[Node]] = [[]]
        while self.tokens[self.at].text != "end":
            token = self.tokens[self.at]
            if token.text == "\\" or token.text == "hline":
                self.at += 1
                if token.text == "\\" and self.tokens[self.at].text != "end":
                    rows.append([])
            elif token.text == "&":
                self.at += 1
                if not rows[-1] or self.tokens[self.at].text in ("&", "\\", "end"):
                    raise NotMath("an empty cell")
            else:
                rows[-1].append(self.relation())
        self.at += 1
        if self.subscript_text() != name or len({len(row) for row in rows}) != 1 or not rows[0]:
            raise NotMath("not a rectangular matrix")
        entries = tuple(entry for row in rows for entry in row)
        node = Node("matrix", entries, (len(rows), len(rows[0])))
        return Node("op", (node,), "det") if name in ("vmatrix", "Vmatrix") else node

    def modulus(self) -> Node | None:
        """`\\pmod{7}`, `(mod 7)`, `\\bmod 7`, `mod 7`; None where none stands."""
        self.enter()
        node = self._modulus()
        self.depth -= 1
        return node

    def _modulus(self) -> Node | None:
        token = self.tokens[self.at]
        if token.text in ("pmod", "mod"):
            self.at += 1
            return self.group() if token.text == "pmod" else self.expr(_MUL)
        if token.text == "(" and self.tokens[self.at + 1].text == "mod":
            self.at += 2
            node = self.expr(0)
            self.expect(")")
            return node
        return None

    def is_letter(self, token: Token) -> bool:
        """Whether an upright token is a single mathematical letter (an upright e or i), not a unit."""
        return token.text in ("e", "i") or token.text in FUNCTIONS


def _ends_in_differential(node: Node) -> bool:
    while node.head in ("add", "neg", "div"):
        node = node.args[-1] if node.head == "add" else node.args[0]
    if node.head != "mul" or len(node.args) < 2:
        return False
    return node.args[-2] == sym("d") and node.args[-1].head == "sym"


def _call(name: str, argument: Node, base: Node | None) -> Node:
    if name == "exp":
        return Node("pow", (EULER, argument))
    if name in ("abs", "floor", "ceil"):
        return Node(name, (argument,))
    if name == "cbrt":
        return Node("root", (argument, num(3)))
    if name == "lg":
        return Node("call", (argument, num(10)), "log")
    if name in ("log", "ln") and base is not None:
        return Node("call", (argument, base), "log")
    if base is not None:
        raise NotMath(f"{name} with a subscript")
    args = argument.args if argument.head in ("pair", "tuple") else (argument,)
    return Node("call", args, name)
