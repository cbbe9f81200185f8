"""From text to tokens: LaTeX, plain text and Unicode mathematics in one alphabet. Linear time.

Nothing that could carry a value is thrown away: a character that is not known is a token of its own, and the parser
refuses it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from rlvr_gym.verifiers.math.tree import MAX_TOKENS, TooLarge


class Token(NamedTuple):
    """One token.

    Args:
        kind: num, repeat (a repeating decimal), cmd (a LaTeX command, without its backslash), letter, word (a known
            name of several letters), name (an unknown one of four or more), text (words of a `\\text{}`), rm (letters
            of a `\\mathrm{}` and the like), op, end.
        text: Its text; for text and rm the content.
        spaced: Whether white space stands before it.
    """

    kind: str
    text: str
    spaced: bool = False


END = Token("end", "")

FUNCTIONS = frozenset(
    """sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc asin acos atan sinh cosh tanh coth sech csch
    arcsinh arccosh arctanh asinh acosh atanh ln log lg exp sqrt abs floor ceil gcd lcm max min sgn sign erf Re Im arg
    det binom cbrt""".split()
)
CONSTANTS = {"pi": "pi", "infty": "inf", "infinity": "inf", "inf": "inf", "oo": "inf", "Infinity": "inf"}
GREEK = frozenset(
    """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi omicron rho varrho
    sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell
    hbar""".split()
)
JOINERS = frozenset({"and", "or"})
BARE_UNITS = frozenset(
    """cm mm km kg mg ml mL dm nm ft yd lb lbs oz hr hrs mph kph rpm Hz kHz MHz kW kJ kN Pa kPa mol meter meters metre
    metres centimeter centimeters centimetre centimetres millimeter millimeters kilometer kilometers kilometre
    kilometres foot feet inch inches yard yards mile miles gram grams kilogram kilograms liter liters litre litres
    pound pounds ounce ounces second seconds minute minutes hour hours day days week weeks month months year years
    dollar dollars cent cents degree degrees percent pct unit units am pm square cubic per sq cu radian
    radians""".split()
)
_ATTACHED = frozenset("cm mm km kg ft ml mL am pm".split())  # units that are written without a space: 36cm
WORDS = FUNCTIONS | frozenset(CONSTANTS) | GREEK | JOINERS | BARE_UNITS | {"sqrt", "mod", "cup", "union", "in", "frac"}

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱ", "0123456789+-()ni", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₍₎", "0123456789+-()", strict=True))
_UNICODE: dict[int, str] = {
    **{0xFF01 + i: chr(0x21 + i) for i in range(94)},  # full-width ASCII
    **{ord(c): "-" for c in "−‐‑‒–—﹣"},
    **dict.fromkeys([0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " "),
    **{ord(c): "" for c in "\u200b\u200c\u200d\u2060\ufeff"},
    **{ord(c): f" \\{name} " for c, name in zip(
        "αβγδεζηθικλμνξρστυφχψωΓΔΘΛΞΠΣΦΨΩ",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi "
        "omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split(), strict=True)},
    **{ord(c): f" \\{name} " for c, name in {
        "π": "pi", "∞": "infty", "×": "times", "÷": "div", "·": "cdot", "⋅": "cdot", "∙": "cdot", "∗": "ast", "±": "pm",
        "∓": "mp", "≤": "le", "⩽": "le", "≦": "le", "≥": "ge", "⩾": "ge", "≧": "ge", "≠": "ne", "≈": "approx",
        "≡": "equiv", "∪": "cup", "∩": "cap", "∈": "in", "∅": "emptyset", "√": "sqrt", "∛": "cbrt", "∫": "int",
        "∑": "sum", "∏": "prod", "ℝ": "R", "ℤ": "Z", "ℕ": "N", "ℚ": "Q", "⟨": "langle", "⟩": "rangle", "⌊": "lfloor",
        "⌋": "rfloor", "⌈": "lceil", "⌉": "rceil", "…": "ldots", "⋯": "cdots", "∣": "mid", "ϕ": "phi", "ϵ": "epsilon",
        "ϑ": "theta", "∖": "setminus", "ℓ": "ell",
    }.items()},
    **{ord(c): f" \\frac{{{a}}}{{{b}}} " for c, a, b in (
        "½12", "⅓13", "⅔23", "¼14", "¾34", "⅕15", "⅖25", "⅗35", "⅘45", "⅙16", "⅚56", "⅛18", "⅜38", "⅝58", "⅞78")},
    **{ord(c): r for c, r in {"°": "^\\circ ", "º": "^\\circ ", "˚": "^\\circ ", "′": "'", "’": "'", "″": "''",
        "、": ",", "。": ".", "：": ":",
        "⁄": "/", "∕": "/", "¢": "\\text{cents}", "【": "[", "】": "]", "｡": "."}.items()},
}  # fmt: skip
_AS_OPERATOR = frozenset("|()[]<>*")
_ROOT_OF_NUMERAL = re.compile(r"√\s*+(\d++)")  # √12 means the root of 12; \sqrt12 takes one digit
_SUPER_RUN = re.compile(f"[{''.join(map(re.escape, _SUPERSCRIPTS))}]+")
_SUB_RUN = re.compile(f"[{''.join(map(re.escape, _SUBSCRIPTS))}]+")

_TOKEN = re.compile(
    r"(?P<ws>(?:\s|\\[,;:!>\s]|~|\$|\\(?:quad|qquad|displaystyle|textstyle|limits|nolimits|mathstrut)(?![A-Za-z])|\\[()\[\]]|\\(?:text)?color\s*+\{[A-Za-z]++\}"
    r"|\\(?:left|right|big|Big|bigg|Bigg|bigl|bigr|Bigl|Bigr|biggl|biggr|middle)(?![A-Za-z])\.?)+)"
    r"|(?P<group>[1-9]\d{0,2}(?:(?:\{,\}|\\[,!]|,\\! ?|\{\\,\}|,| |\\ |~)\d{3}(?!\d))++(?:\.\d++)?(?![\d.]))"
    r"|(?P<repeat>\d*+\.\d*+\\(?:overline|bar|dot|overline)\s*+\{?\d++\}?|\d++\.\(\d++\))"
    r"|(?P<num>(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++(?![\d.]))?)"
    r"|(?P<text>\\(?:text|textrm|textbf|textit|textnormal|mbox|hbox|mathop)\s*+\{(?P<words>[^{}\\]*+)\})"
    r"|(?P<style>\\(?:mathbf|mathit|mathsf|mathtt|boldsymbol|bm|bf|it|mathcal|mathscr|mathfrak)\s*+\{(?P<styled>[^{}\\]*+)\})"
    r"|(?P<rm>\\(?:mathrm|rm)\s*+\{(?P<letters>[^{}\\]*+)\})"
    r"|(?P<named>\\operatorname\*?\s*+\{(?P<name>[A-Za-z]++)\})"
    r"|(?P<cmd>\\(?:[A-Za-z]++|.))"
    r"|(?P<word>[A-Za-z]++)"
    r"|(?P<op>\*\*|<=|>=|!=|==|=>|->|\.\.\.+|.)",
    re.DOTALL | re.ASCII,
)
_TILDE = str.maketrans("~", " ")
_CMD_ALIASES = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "leq": "le", "geq": "ge", "leqslant": "le", "geqslant": "ge",
    "neq": "ne", "lt": "<", "gt": ">", "ast": "*", "cdotp": "cdot", "bullet": "cdot", "lbrace": "{", "rbrace": "}",
    "lbrack": "[", "rbrack": "]", "lvert": "|", "rvert": "|", "vert": "|", "mid": "mid", "dots": "ldots",
    "cdots": "ldots", "dotsc": "ldots", "dotsb": "ldots", "varnothing": "emptyset", "degree": "circ", "land": "and",
    "lor": "or", "wedge": "and", "vee": "or", "Reals": "R", "implies": "Rightarrow", "to": "rightarrow",
    "tbinom": "binom", "dbinom": "binom", "backslash": "setminus", "varepsilon": "epsilon", "vartheta": "theta",
    "varphi": "phi", "varrho": "rho", "lgroup": "(", "rgroup": ")", "approxeq": "approx", "simeq": "approx",
    "thickapprox": "approx", "bmod": "mod", "pounds": "£", "euro": "€",
}  # fmt: skip


def to_ascii(text: str) -> str:
    """Rewrite Unicode mathematics as LaTeX; superscripts stay superscripts (5² is not 52).

    Example:
        >>> to_ascii("２√３ x²")
        '2\\\\sqrt{3} x^{2}'
    """
    text = _ROOT_OF_NUMERAL.sub(r"\\sqrt{\1}", text)
    text = _SUPER_RUN.sub(lambda m: "^{" + "".join(_SUPERSCRIPTS[c] for c in m[0]) + "}", text)
    text = _SUB_RUN.sub(lambda m: "_{" + "".join(_SUBSCRIPTS[c] for c in m[0]) + "}", text)
    return text.translate(_UNICODE)


def tokenize(text: str, *, split_groups: bool = False) -> list[Token]:
    """Cut a text into tokens.

    Args:
        text: ASCII mathematics, see `to_ascii`.
        split_groups: Read `1,234` as two numbers also where no bracket is open.

    Raises:
        TooLarge: More than `MAX_TOKENS` tokens.

    Example:
        >>> [token.text for token in tokenize("\\\\dfrac{1}{2}x")]
        ['frac', '{', '1', '}', '{', '2', '}', 'x']
        >>> [token.text for token in tokenize("1,234")], [token.text for token in tokenize("(1,234)")]
        (['1234'], ['(', '1', ',', '234', ')'])
    """
    out: list[Token] = []
    spaced = False
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind == "ws":
            spaced = True
            continue
        piece = match[kind]
        if kind == "num":
            out.append(Token("num", piece, spaced))
        elif kind == "op":
            out.append(Token("op", piece, spaced))
        elif kind == "word":
            _add_word(out, piece, spaced)
        elif kind == "cmd":
            name = piece[1:]
            alias = _CMD_ALIASES.get(name, name)
            out.append(Token("op" if alias in _AS_OPERATOR and alias != name else "cmd", alias, spaced))
        elif kind == "text":
            words = match["words"].strip().lower().strip(",")
            if words in JOINERS:
                out.append(Token("word", words))
            elif words.replace(".", "").replace(",", "").isdigit() or words == "infinity":
                out.extend(_as_typed(match["words"].lower(), spaced))
            else:
                out.append(Token("text", match["words"], spaced))
        elif kind == "style":
            out.extend(_as_typed(match["styled"], spaced))
        elif kind == "named":
            name = match["name"]
            out.append(Token("word" if name in WORDS else "operator", name, spaced))
        elif kind == "rm" and match["letters"].strip(" ~").isdigit():
            out.extend(_as_typed(match["letters"], spaced))
        elif kind == "rm":
            out.append(Token("rm", match["letters"].translate(_TILDE).strip(), spaced))
        elif kind == "group":
            _add_group(out, piece, spaced, split_groups, text, match.start())
        else:
            out.append(Token(kind, piece, spaced))
        spaced = False
        if len(out) > MAX_TOKENS:
            raise TooLarge(f"more than {MAX_TOKENS:,} tokens")
    return out


def _as_typed(content: str, spaced: bool) -> list[Token]:
    """What a style command holds, without the style."""
    tokens = tokenize(content.translate(_TILDE))
    return [tokens[0]._replace(spaced=spaced), *tokens[1:]] if tokens else []


def _add_word(out: list[Token], word: str, spaced: bool) -> None:
    """A run of letters: a known name, or a product of one-letter variables, or a name of four or more letters."""
    if len(word) == 1:
        out.append(Token("letter", word, spaced))
    elif len(word) == 2 and not spaced and word in BARE_UNITS and word not in _ATTACHED:
        out.extend(Token("letter", letter) for letter in word)  # 2mg is 2 m g
    elif word in WORDS or word.lower() in JOINERS:
        out.append(Token("word", word if word in WORDS else word.lower(), spaced))
    elif len(word) > 3:
        out.append(Token("name", word, spaced))
    else:
        for i, letter in enumerate(word):
            out.append(Token("letter", letter, spaced and i == 0))


_GROUP_SEPARATOR = re.compile(r"\{,\}|\\[,!]|,\\! ?|\{\\,\}|,| |\\ |~")
_OPENERS, _CLOSERS = re.compile(r"[(\[]|\\\{"), re.compile(r"[)\]]|\\\}")


def _add_group(out: list[Token], piece: str, spaced: bool, split: bool, text: str, at: int) -> None:
    """`1,234`: one number, or two where it stands in brackets; `1{,}234` and `1,000` are always one."""
    separators = set(_GROUP_SEPARATOR.findall(piece))
    parts = _GROUP_SEPARATOR.split(piece)
    whole = not split and (separators != {","} or not _in_brackets(text, at))
    if len(separators) > 1:
        whole = False
    if separators == {","} and any(part[0] == "0" for part in parts):
        whole = True  # no number is written 000
    if whole or separators - {",", " "}:
        out.append(Token("num", "".join(parts), spaced))
        return
    for i, part in enumerate(parts):
        if i and "," in separators:
            out.append(Token("op", ",", False))
        out.append(Token("num", part, bool(i) or spaced))


def _in_brackets(text: str, at: int) -> bool:
    before = text[:at]
    return len(_OPENERS.findall(before)) > len(_CLOSERS.findall(before))


def canonical(tokens: list[Token]) -> str:
    """The tokens as one string, for answers that are compared by how they are written.

    Example:
        >>> canonical(tokenize("x \\\\mapsto  x^{2}")) == canonical(tokenize("x\\\\mapsto x^2"))
        True
    """
    out: list[str] = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        if token.text == "{" and i + 2 < len(tokens) and tokens[i + 2].text == "}" and tokens[i].kind == "op":
            out.append(tokens[i + 1].text)
            i += 3
            continue
        out.append(" ".join(token.text.split()) if token.kind == "text" else token.text)
        i += 1
    return "\x1f".join(out)
