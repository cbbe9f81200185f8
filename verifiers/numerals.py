"""Reading one number from a short text, exactly: no floats, caps on size, no guessing.

The grammar is an optional sign and currency sign around digits (thousands groups of three, a decimal part, an
exponent), a fraction `a/b` or `\\frac{a}{b}`, or a mixed number `1 1/2`; then an optional percent sign or unit words.
Anything else is refused with a reason, because a reader that guesses pays for `5 or 7`.

Whatever LaTeX is taken away leaves a space behind, so that no two digits are ever joined: `5\\(2\\)` is not 52.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from rlvr_gym.verifiers.verdict import Reason, Status

MAX_DIGITS = 600  # below 640, the lowest limit that an interpreter can be given for int <-> str
MAX_SLOT_CHARS = 8000

Exact = int | Fraction


class Refusal(NamedTuple):
    """Why a text is not exactly one number."""

    status: Status
    reason: Reason


class Quantity(NamedTuple):
    """One number, and what was written around it: `x = 5 cm` is 5 with unit `cm` and variable `x`."""

    value: Exact
    unit: str = ""
    variable: str = ""

    def answers(self, gold: Quantity) -> bool:
        """Whether this equals the gold: a unit or a variable counts only where both have one.

        Example:
            >>> cm, m, bare = Quantity(10, "cm"), Quantity(10, "m"), Quantity(10)
            >>> m.answers(cm), bare.answers(cm), cm.answers(bare)
            (False, True, True)
        """
        return (
            self.value == gold.value
            and (not self.unit or not gold.unit or self.unit == gold.unit)
            and (not self.variable or not gold.variable or self.variable == gold.variable)
        )


# Full-width digits and signs, the many minus signs and spaces. Superscripts stay as they are: 5² is not 52.
_TRANSLATE = str.maketrans(
    {chr(0xFF10 + d): str(d) for d in range(10)}
    | dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\uff0d\ufe63", "-")
    | {"\uff0b": "+", "\uff0e": ".", "\uff0c": ",", "\uff0f": "/", "\u2044": "/", "\uff05": "%", "\u00a0": " "}
    | dict.fromkeys("\u2009\u202f\u2007\u3000\t\r\n", " ")
)
_LATEX = (
    ("\\dfrac", "\\frac"),
    ("\\tfrac", "\\frac"),
    ("\\$", "$"),
    ("\\%", "%"),
    ("^\\circ", "°"),
    ("^{\\circ}", "°"),
    ("^{2}", "²"),
    ("^{3}", "³"),
)
TEXT_GROUP = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mbox|operatorname)\{([^{}]*+)\}")
_GROUPING = re.compile(r"(?<=\d)(?:\\[,!]|,\\!|\{,\})(?=\d{3}(?!\d))")
_SPACING = re.compile(r"\\(?:left|right|displaystyle)(?![A-Za-z])|\\[()!,;: ]|(?<=\S)~")
_BOLD = re.compile(r"\*\*([^*]*+)\*\*")
_FRAC = re.compile(r"\\frac\s*+(?:\{\s*+([^{}]*+)\}|(\d))\s*+(?:\{\s*+([^{}]*+)\}|(\d))")
_PLAIN = r"(?:[1-9]\d{0,2}(?:,\d{3})++(?:\.\d++)?|\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d{1,6})?"
_NUMBER = re.compile(
    r"(?:(?P<variable>[A-Za-z])\s*+=\s*+)?"
    r"[$€£¥]?\s*+(?P<sign>[+-]?)\s*+[$€£¥]?\s*+"
    rf"(?:(?P<whole>\d++)\s++(?=\d++\s*+/))?(?P<num>{_PLAIN})(?:\s*+/\s*+(?P<den>{_PLAIN}))?"
    r"(?P<tail>.*)",
    re.DOTALL,
)
# What may follow the number: a sign, then words. Between words may stand "miles/hour", "foot-pounds", "cm (wide)".
_TAIL = re.compile(
    r"(?P<symbol>\s*+[%€£¥$°])?\s*+"
    r"(?P<unit>[(/]?\s*+[^\W\d_]++(?:(?:\s*+/\s*+|[-'’.]|[.,)]?\s++\(?)[^\W\d_]++)*+\)?)?\s*+\.?\s*+"
)
_POWER = re.compile(r"(?<=[^\W\d_]) ?(?:\^?([²³])|\^([23])(?!\d))")
_WORD = re.compile(r"[^\W\d_]+")
# Words after the number that would change its value, add a second answer or take it back.
NEGATIONS = frozenset(
    """not no nor never none nope nah nay nothing cannot isn't isnt wasn't wasnt aren't arent can't cant don't
    dont doesn't doesnt ain't aint untrue nicht nein nie kein keine pas jamais nunca niet geen ikke inte не нет
    неверно""".split()
)
_NUMBER_WORDS = frozenset(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety nil naught nought
    null eins zwei drei vier fünf fuenf sechs sieben acht neun zehn elf zwölf zwoelf dreizehn vierzehn fünfzehn sechzehn
    siebzehn achtzehn neunzehn zwanzig dreißig dreissig vierzig fünfzig sechzig siebzig achtzig neunzig hundert tausend
    zéro deux trois quatre cinq sept huit neuf dix onze douze treize quatorze quinze seize vingt trente quarante
    cinquante soixante mille
    cero uno dos tres cuatro cinco seis siete ocho nueve diez doce trece catorce quince dieciséis dieciseis veinte
    treinta cuarenta cincuenta sesenta setenta ochenta noventa cien ciento
    tre quattro cinque sei sette otto nove dieci undici dodici tredici quindici trenta cento
    dois quatro sete oito dez doze treze vinte trinta cem
    een twee drie vijf zes zeven negen tien twaalf twintig dertig honderd duizend
    ноль один два три четыре пять шесть семь восемь девять десять двадцать сто тысяча тысяч""".split()
)
_MULTIPLIERS = frozenset(
    """times over by divided squared cubed factorial half halves third thirds quarter quarters fourth fourths fifth
    fifths sixth sixths seventh sevenths eighth eighths ninth ninths tenth tenths hundredth hundredths thousandth
    thousandths millionth millionths billionth billionths dozen dozens gross hundred hundreds thousand thousands million
    millions billion billions trillion trillions quadrillion quadrillions lakh lakhs crore crores double triple twice
    thrice doubled tripled quadrupled halved multiplied k mn bn bln mln mlrd mrd mio mia mil bil tril tsd thou myriad
    millionen milliarde milliarden billionen milliard milliards millón millones milhão milhões milione milioni miliardo
    miliardi miljoen miljard млн млрд тыс""".split()
)
_OTHER_WORDS = frozenset(
    """or and to either plus minus maybe perhaps possibly approximately approx about around roughly almost nearly circa
    ish versus vs but than wait actually unsure dunno idk pi π sqrt log exp sin cos tan mod inf infinity oder und
    """.split()
)
NOT_A_UNIT = NEGATIONS | _NUMBER_WORDS | _MULTIPLIERS | _OTHER_WORDS
# These say something of what is counted (`7 wrong answers`); elsewhere they take the number back.
ONLY_BEFORE_A_NOUN = frozenset(
    """wrong incorrect false invalid mistaken erroneous bogus negative falsch faux fausse falso incorrecto sbagliato
    errado fout onjuist""".split()
)
_SCALES_ALONE = frozenset({"score", "grand"})  # 7 score is 140, 7 score points are 7
_SAYS_NO = frozenset("不没沒非未否错錯误誤负負")  # in languages that put no space between words
_ROMAN = re.compile(
    r"(?=[MDCL]*[IVX])(?=..)M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
    r"|(?=..)x{0,3}(?:ix|iv|v?i{0,3})"
)
# One or two letters, or three without a space before them, are variables ("4t", "5 xy", "2abc") unless listed here.
_LETTER_UNITS = frozenset("mgshlL")
_ABBREVIATIONS = frozenset(
    """cm mm km nm kg mg ml mL dl cl ft yd in mi lb lbs oz gal qt pt hr hrs min sec ms am pm AM PM st nd rd th mph kph
    kmh rpm bpm Hz kHz MHz kW kJ kN Pa kPa USD EUR GBP CAD AUD pcs pts deg rad mol yr yrs wk wks day GB MB KB TB
    sq cu of is at on an""".split()
)
_UNIT_NAMES = {"percent": "%", "dollar": "$", "euro": "€", "degree": "°"}


def read_number(text: str) -> Exact | Refusal:
    """Read exactly one number, and drop its unit.

    Args:
        text: A short text, such as the inside of `\\boxed{}`. At most 8,000 characters and 600 digits are read.

    Returns:
        An `int` or a `Fraction`, or why the text is not one number.

    Example:
        >>> read_number("$1,234.50"), read_number("\\\\frac{3}{4}"), read_number("-7 apples")
        (Fraction(2469, 2), Fraction(3, 4), -7)
        >>> [read_number(text).status.value for text in ("5 or 7", "1,23", "7 = 5", "x")]
        ['ambiguous', 'ambiguous', 'ambiguous', 'malformed']
    """
    quantity = read_quantity(text)
    return quantity if isinstance(quantity, Refusal) else quantity.value


def read_quantity(text: str) -> Quantity | Refusal:
    """Read exactly one number with its unit and the variable it is assigned to, if any.

    Args:
        text: As for `read_number`.

    Example:
        >>> read_quantity("x = 3\\\\text{ cm}^2")
        Quantity(value=3, unit='cm²', variable='x')
        >>> read_quantity("5 xy").status.value
        'malformed'
    """
    text = text.strip()
    digits = text[1:] if text[:1] == "-" else text
    if digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS:
        return Quantity(int(text))
    if len(text) > MAX_SLOT_CHARS:
        return _refuse(Status.LIMIT_EXCEEDED, "answer_too_long", f"the answer has {len(text):,} characters")
    if not text:
        return _refuse(Status.MALFORMED, "empty_answer", "the answer is empty")
    match = _NUMBER.fullmatch(_simplify(text))
    if match is None:
        return _refuse(Status.MALFORMED, "not_a_number", f"not a number: {_clip(text)!r}")
    unit = _unit(match["tail"])
    if isinstance(unit, Status):
        return _refuse(unit, "more_than_a_number", f"more than one number or a hedge: {_clip(text)!r}")
    value = _value(match, text)
    return value if isinstance(value, Refusal) else Quantity(value, unit, match["variable"] or "")


def _simplify(text: str) -> str:
    text = text.translate(_TRANSLATE)
    if "\\" in text or "{" in text or "~" in text:
        for old, new in _LATEX:
            text = text.replace(old, new)
        text = _GROUPING.sub(",", text)
        text = _SPACING.sub(" ", text)
        text = TEXT_GROUP.sub(r" \1 ", text)
        text = _FRAC.sub(_plain_fraction, text)
    if "**" in text:
        text = _BOLD.sub(r" \1 ", text)
    text = text.strip()
    if len(text) > 1 and text[0] == "$" and text[-1] == "$":
        text = text[1:-1].strip()
    return text


def _plain_fraction(match: re.Match[str]) -> str:
    return f" {match[1] or match[2] or ''}/{match[3] or match[4] or ''} "


def _unit(tail: str) -> str | Status:
    """The unit that follows a number, in one spelling; or what is wrong with what follows."""
    if not tail or tail.isspace():
        return ""
    plain = _POWER.sub(" ", tail)
    if any(char.isnumeric() for char in plain):
        return Status.AMBIGUOUS
    match = _TAIL.fullmatch(plain)
    if match is None:
        return Status.MALFORMED
    symbol, words = (match["symbol"] or "").strip(), _WORD.findall(plain)
    if any(word.lower() in NOT_A_UNIT or is_roman(word) for word in words) or not _SAYS_NO.isdisjoint(plain):
        return Status.AMBIGUOUS
    if any(word.lower() in ONLY_BEFORE_A_NOUN and not _before_a_noun(word, plain) for word in words):
        return Status.AMBIGUOUS
    if len(words) == 1 and words[0].lower() in _SCALES_ALONE:
        return Status.AMBIGUOUS
    attached = not symbol and not plain[0].isspace()
    if not all(_is_word(word, i, attached and i == 0, symbol) for i, word in enumerate(words)):
        return Status.MALFORMED
    powers = "".join(a or "²³"[b == "3"] for a, b in _POWER.findall(tail))
    return " ".join(filter(None, (symbol, *map(_unit_name, words)))) + powers


def is_roman(word: str) -> bool:
    """Whether a word is a Roman numeral of two letters or more; small ones have only the letters i, v and x.

    Example:
        >>> [word for word in ("VIII", "xiv", "XL", "I", "mL", "CD", "mix") if is_roman(word)]
        ['VIII', 'xiv', 'XL']
    """
    return _ROMAN.fullmatch(word) is not None


def _before_a_noun(word: str, tail: str) -> bool:
    """Whether the tail begins with the word, and another word follows it directly."""
    rest = tail.lstrip(" (").removeprefix(word)
    return len(rest) < len(tail.lstrip(" (")) and rest[:1] == " " and rest.lstrip()[:1].isalpha()


def _is_word(word: str, place: int, attached: bool, symbol: str) -> bool:
    if len(word) == 1:
        letters = "CF" if symbol == "°" else "a" if place else ""
        return word in letters or (word in _LETTER_UNITS and not attached)
    return len(word) > 2 + attached or word in _ABBREVIATIONS


def _unit_name(word: str) -> str:
    word = word.lower().removesuffix("s") if len(word) > 3 else word
    return _UNIT_NAMES.get(word, word)


def _value(match: re.Match[str], text: str) -> Exact | Refusal:
    value = _decimal(match["num"])
    if value is None:
        return _too_many_digits(text)
    if match["den"] is not None:
        divisor = _decimal(match["den"])
        if divisor is None:
            return _too_many_digits(text)
        if divisor == 0:
            return _refuse(Status.MALFORMED, "division_by_zero", f"division by zero: {_clip(text)!r}")
        value = Fraction(value) / divisor
    if match["whole"] is not None:
        if len(match["whole"]) > MAX_DIGITS or not 0 <= value < 1:
            return _refuse(Status.MALFORMED, "not_a_mixed_number", f"not a mixed number: {_clip(text)!r}")
        value = int(match["whole"]) + value
    return -value if match["sign"] == "-" else value


def _decimal(text: str) -> Exact | None:
    """Digits with an optional decimal part and exponent, exactly; None above `MAX_DIGITS`."""
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, decimals = mantissa.replace(",", "").partition(".")
    shift = int(exponent) if exponent else 0
    if len(whole) + len(decimals) + abs(shift) > MAX_DIGITS:
        return None
    shift -= len(decimals)
    digits = int((whole + decimals) or "0")
    return digits * 10**shift if shift >= 0 else Fraction(digits, 10**-shift)


def _too_many_digits(text: str) -> Refusal:
    return _refuse(Status.LIMIT_EXCEEDED, "too_many_digits", f"more than {MAX_DIGITS:,} digits: {_clip(text)!r}")


def _refuse(status: Status, code: str, sentence: str) -> Refusal:
    return Refusal(status, Reason(code, sentence))


def _clip(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
