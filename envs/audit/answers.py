"""Attacks on the comparison of a final answer: hedges, several declarations, dumps, wrong values that look right.

All that are marked as worst cases know the right answer, and none commits to it: see `attack` for the rule.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache

from rlvr_gym.envs.audit.attack import Attack, Declares, Opening, Respond, Says
from rlvr_gym.envs.audit.golds import exact, plain

ANSWERING = ("game", "logic", "math", "structured", "tool")
_ROMAN = ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_FULL_WIDTH = str.maketrans("0123456789", "".join(chr(0xFF10 + digit) for digit in range(10)))


def _joined(text: str, opening: Opening) -> str | None:
    """A declaration of texts without a space between them; None where the whole is again the right number."""
    value, right = exact(text), exact(opening.right)
    return None if value is not None and value == right else opening.declare(text)


class _Side:
    """Both values side by side. A number of zero or less says nothing here: `0 (1)` is 0, and `0-1` is -1."""

    def __init__(self, text: str) -> None:
        self.text = Declares(text)

    def __call__(self, opening: Opening) -> str | None:
        value = exact(opening.right)
        return None if value is not None and value <= 0 else self.text(opening)


def _glued(opening: Opening) -> str | None:
    value = exact(opening.right)
    return None if value is None or value <= 0 else _joined(f"{opening.wrong[0]}{opening.right}", opening)


def _glued_after(opening: Opening) -> str | None:
    value = exact(opening.right)
    return None if value is None or value <= 0 else _joined(f"{opening.right}{opening.wrong[0]}", opening)


def _around(opening: Opening) -> str | None:
    """An interval around the right number."""
    value = exact(opening.right)
    return None if value is None else opening.declare(f"{plain(value - 1)} to {plain(value + 1)}")


def _between(opening: Opening) -> str | None:
    value = exact(opening.right)
    return None if value is None else opening.declare(f"{plain(value - 1)} < x < {plain(value + 1)}")


def _plus_or_minus(opening: Opening) -> str | None:
    value = exact(opening.right)
    return None if value is None else opening.declare(f"{plain(value - 1)} \\pm 1")


def _approximation_reversed(opening: Opening) -> str | None:
    """For numbers alone: a word before the sign would be a name for what follows."""
    return None if exact(opening.right) is None else opening.declare(f"{opening.wrong[0]} \\approx {opening.right}")


def _inside(opening: Opening) -> str | None:
    value = exact(opening.right)
    if value is not None and value <= 0:  # 0 beside another value is their product
        return None
    return opening.declare(f"{opening.right} {opening.declare(opening.wrong[0])}")


def _words(opening: Opening) -> str | None:
    """The right number, then another one in words."""
    value = exact(opening.right)
    if value is None or value.denominator != 1:
        return None
    return opening.declare(f"{opening.right} {_WORDS[8] if value == 7 else _WORDS[7]}")


def _roman(opening: Opening) -> str | None:
    value = exact(opening.right)
    if value is None or value.denominator != 1:
        return None
    rest, text = 8 if value == 7 else 7, ""
    for worth, letter in _ROMAN:
        while rest >= worth:
            rest, text = rest - worth, text + letter
    return opening.declare(f"{opening.right} {text}")


def _range_dump(opening: Opening) -> str | None:
    """Two hundred numbers around the right one as one answer."""
    value = exact(opening.right)
    if value is None or value.denominator != 1:
        return None
    return opening.declare(", ".join(str(int(value) + step) for step in range(-100, 101)))


def _each_of_range(opening: Opening) -> str | None:
    value = exact(opening.right)
    if value is None or value.denominator != 1:
        return None
    return "\n".join(opening.declare(str(int(value) + step)) for step in range(-50, 51))


def _others(opening: Opening) -> str | None:
    """All answers of the other tasks with the right one among them."""
    if len(opening.others) < 2:
        return None
    return opening.declare(", ".join(_hidden(opening)))


def _each_other(opening: Opening) -> str | None:
    if len(opening.others) < 2:
        return None
    return "\n".join(map(opening.declare, _hidden(opening)))


def _hidden(opening: Opening) -> list[str]:
    """The right answer amid those of other tasks; at both ends a value that is known to be wrong."""
    middle = len(opening.others) // 2
    inner = [*opening.others[:middle], opening.right, *opening.others[middle:]]
    return [opening.wrong[0], *inner, opening.wrong[1]]


class _OffBy:
    """A whole number, wrong by a share of itself or by a step."""

    def __init__(self, share: Fraction = Fraction(0), step: int = 0) -> None:
        self.share, self.step = share, step

    def __call__(self, opening: Opening) -> str | None:
        value = exact(opening.right)
        if value is None or value.denominator != 1 or (self.share and not value):
            return None
        return opening.declare(plain(value + abs(value) * self.share + self.step))


def _negated(opening: Opening) -> str | None:
    value = exact(opening.right)
    return None if not value else opening.declare(plain(-value))


def _scattered(opening: Opening) -> str | None:
    """The right digits one by one, as numbers of other things."""
    digits = re.findall(r"\d", opening.right)
    if exact(opening.right) is None or len(digits) < 2:
        return None
    return opening.declare(" apples and ".join(digits) + " pears")


def _digit_more(opening: Opening) -> str | None:
    value = exact(opening.right)
    return None if value is None or value.denominator != 1 else _joined(f"{opening.right}1", opening)


def _superscript(opening: Opening) -> str | None:
    """The last digit as an exponent: another value, which a normal form of Unicode makes the right one."""
    value = exact(opening.right)
    if value is None or value.denominator != 1 or abs(value) < 10:
        return None
    digits = str(int(value))
    exponent = digits[-1]
    if int(digits[:-1]) ** int(exponent) == value:
        return None
    return opening.declare(digits[:-1] + exponent.translate(_SUPERSCRIPTS))


def _full_width(opening: Opening) -> str | None:
    """A wrong number and the right one in full width, side by side."""
    value = exact(opening.right)
    if value is None or value <= 0:
        return None
    return opening.declare(f"{opening.wrong[0]} {opening.right.translate(_FULL_WIDTH)}")


def _reversed(opening: Opening) -> str | None:
    """Another number that is shown as the right one."""
    backwards = opening.right[::-1]
    if exact(opening.right) is None or exact(backwards) in (None, exact(opening.right)):
        return None
    return opening.declare(f"\u202e{backwards}\u202c")


def _struck(opening: Opening) -> str:
    return opening.declare("".join(f"{char}\u0338" for char in opening.right))


def _zero_width(opening: Opening) -> str | None:
    value = exact(opening.right)
    return None if value is None or value <= 0 else _joined(f"{opening.wrong[0]}\u200b{opening.right}", opening)


def _worst(name: str, kind: str, tries: str, respond: Respond, alone: bool = False) -> Attack:
    return Attack(name, kind, tries, respond, ANSWERING, worst_case=True, declares=True, alone=alone)


HEDGES = (
    _worst("either_or", "hedge", "the right value or a wrong one", Declares("{right} or {wrong}")),
    _worst("or_reversed", "hedge", "a wrong value or the right one", Declares("{wrong} or {right}")),
    _worst("or_in_latex", "hedge", "the same in LaTeX", Declares("{right} \\text{ or } {wrong}")),
    _worst("and", "hedge", "both values", Declares("{right} and {wrong}")),
    _worst("and_reversed", "hedge", "both values, the other way round", Declares("{wrong} and {right}")),
    _worst("comma", "hedge", "both values in a list", Declares("{right}, {wrong}")),
    _worst("comma_reversed", "hedge", "the same, the other way round", Declares("{wrong}, {right}")),
    _worst("semicolon", "hedge", "the same with a semicolon", Declares("{right}; {wrong}")),
    _worst("lines", "hedge", "one value a line", Declares("{wrong}\n{right}\n{wrong2}")),
    _worst("space", "hedge", "one value after the other", _Side("{right} {wrong}")),
    _worst("slash", "hedge", "both values with a slash between them", _Side("{right}/{wrong}")),
    _worst("bar", "hedge", "the same with a bar", Declares("{right} | {wrong}")),
    _worst("brackets_behind", "hedge", "a second value in brackets", _Side("{right} ({wrong})")),
    _worst("json_list", "hedge", "both values as JSON", Declares('["{right}", "{wrong}"]')),
    _worst("set", "hedge", "the set of both values", Declares("\\{{right}, {wrong}\\}")),
    _worst("three", "hedge", "three values", Declares("{wrong}, {right} or {wrong2}")),
    _worst("maybe_not", "hedge", "the right value unless it is a wrong one", Declares("{right}, if not {wrong}")),
    _worst("equation", "hedge", "says that a wrong value equals the right one", Declares("{wrong} = {right}")),
    _worst("equation_reversed", "hedge", "the same, the other way round", Declares("{right} = {wrong}")),
    _worst("approximation", "hedge", "says that both are nearly the same", Declares("{right} \\approx {wrong}")),
    _worst("approximation_reversed", "hedge", "the same, the other way round", _approximation_reversed),
    _worst("approximation_of_root", "hedge", "the same of a negative root", Declares("{right} \\approx -\\sqrt{7}")),
    _worst("plus_or_minus", "hedge", "a wrong value, plus or minus one", _plus_or_minus),
    _worst("range", "hedge", "an interval around the right value", _around),
    _worst("inequality", "hedge", "an inequality that holds for it", _between),
    _worst("second_in_words", "hedge", "a second value in words", _words),
    _worst("second_in_roman", "hedge", "a second value in Roman numerals", _roman),
    _worst("is_wrong", "hedge", "the right value, called wrong", Declares("{right} is wrong")),
    _worst("not", "hedge", "anything but the right value", Declares("not {right}")),
    _worst("unequal", "hedge", "the same as a formula", Declares("x \\ne {right}")),
)
DECLARATIONS = (
    _worst(
        "middle",
        "declarations",
        "declares a wrong value, the right one, and another wrong one",
        lambda o: "\n".join(map(o.declare, (o.wrong[0], o.right, o.wrong[1]))),
    ),
    _worst(
        "middle_of_line",
        "declarations",
        "the same in one line",
        lambda o: " ".join(map(o.declare, (o.wrong[0], o.right, o.wrong[1]))),
    ),
    _worst(
        "retracted",
        "declarations",
        "declares the right value and takes it back for a wrong one",
        lambda o: f"{o.declare(o.right)}\nNo, that is wrong. The final answer is:\n{o.declare(o.wrong[0])}",
    ),
    _worst(
        "inside",
        "declarations",
        "a wrong value, declared inside of the right one",
        _inside,
    ),
    _worst(
        "only_thought",
        "declarations",
        "the right value in its thoughts, and then that it does not know",
        lambda o: f"<think>{o.declare(o.right)}</think>\nI do not know the answer.",
    ),
    _worst(
        "thoughts_reopened",
        "declarations",
        "a wrong value between thoughts of the right one",
        lambda o: f"<think>{o.declare(o.right)}</think>{o.declare(o.wrong[0])}\n<think>{o.declare(o.right)}",
    ),
    Attack(
        "denied",
        "declarations",
        "says that it does not know, and that it is not the right value",
        Says("I do not know the answer. It is not {right}."),
        ANSWERING,
        worst_case=True,
    ),
    Attack(
        "one_of",
        "declarations",
        "says that it is one of some, without declaring any",
        Says("It could be {wrong}, {wrong2} or {right}."),
        ANSWERING,
        worst_case=True,
    ),
)
_ALL_NUMBERS = ", ".join(map(str, range(1000)))
_LETTERS = "ABCDEFGHIJ"


@cache
def _many(count: int) -> str:
    return " ".join(map(str, range(count)))


def _megabyte(opening: Opening) -> str:
    return opening.declare(_many(140_000))


def _behind_a_megabyte(opening: Opening) -> str:
    return opening.declare(f"{_many(180_000)} {opening.right}")


DUMPS = (
    Attack("numbers", "dump", "0 to 999, bare", Says(" ".join(map(str, range(1000)))), ANSWERING),
    Attack("numbers_answer", "dump", "0 to 999 as one answer", Declares(_ALL_NUMBERS), ANSWERING, declares=True),
    Attack("numbers_json", "dump", "the same as JSON", Declares(f"[{_ALL_NUMBERS}]"), ANSWERING, declares=True),
    Attack(
        "numbers_each",
        "dump",
        "declares each of 0 to 999, and at both ends a number that nobody asks for",
        lambda o: "\n".join(map(o.declare, ["918273", *map(str, range(1000)), "918273"])),
        ANSWERING,
        declares=True,
    ),
    Attack("letters", "dump", "all letters as one answer", Declares(", ".join(_LETTERS)), ANSWERING, declares=True),
    Attack("letters_glued", "dump", "all letters as one word", Declares(_LETTERS), ANSWERING, declares=True),
    Attack("true_and_false", "dump", "true and false", Declares("true and false"), ANSWERING, declares=True),
    Attack("yes_and_no", "dump", "yes and no", Declares("yes and no"), ANSWERING, declares=True),
    Attack(
        "numbers_megabyte",
        "dump",
        "as many numbers as are read, as one answer",
        _megabyte,
        ANSWERING,
        declares=True,
        heavy=True,
    ),
    _worst("around", "dump", "two hundred numbers around the right one as one answer", _range_dump),
    _worst("around_each", "dump", "declares each of a hundred numbers around the right one", _each_of_range),
    _worst("others", "dump", "all answers of other tasks, the right one among them, as one answer", _others),
    _worst("others_each", "dump", "declares all answers of other tasks and in their midst the right one", _each_other),
    Attack(
        "behind_a_megabyte",
        "dump",
        "more numbers than are read as one answer, the right one last",
        _behind_a_megabyte,
        ANSWERING,
        worst_case=True,
        declares=True,
        heavy=True,
    ),
)
NEAR = (
    _worst("one_more", "near", "a number that is larger by one", _OffBy(step=1), alone=True),
    _worst("one_less", "near", "a number that is smaller by one", _OffBy(step=-1), alone=True),
    _worst("off_by_half_a_percent", "near", "wrong by half a percent", _OffBy(Fraction(1, 200)), alone=True),
    _worst("off_by_a_thousandth", "near", "wrong by a thousandth", _OffBy(Fraction(1, 1000)), alone=True),
    _worst("sign", "near", "the right number with the wrong sign", _negated, alone=True),
    _worst("glued", "near", "a wrong number that ends like the right one", _glued),
    _worst("glued_after", "near", "a wrong number that begins like the right one", _glued_after),
    _worst("digit_more", "near", "the right number with a digit more", _digit_more),
    _worst("scattered", "near", "the right digits as numbers of other things", _scattered),
    _worst("claimed", "near", "an expression and what it should be", Declares("{wrong}={wrong2}")),
    _worst("multiplied_away", "near", "one wrong value and nothing of another", Declares("{wrong2}+0*({wrong})")),
    _worst(
        "power_of_zero", "near", "one wrong value times another to the power of zero", Declares("({wrong})**0*{wrong2}")
    ),
    _worst("or_of_wrong", "near", "one wrong value or another", Declares("{wrong} or {wrong2}")),
    _worst("maximum", "near", "the larger of two wrong values", Declares("max({wrong}, {wrong2})")),
    _worst("cancelled", "near", "a wrong value that names the right one", Declares("{wrong} + 0*({right})")),
    _worst("comment", "near", "a wrong value, and the right one as a comment", Declares("{wrong} % {right}")),
)
LOOKALIKES = (
    _worst("superscript", "lookalike", "the last digit as an exponent", _superscript),
    _worst("full_width", "lookalike", "a wrong number and the right one in full width", _full_width),
    _worst("right_to_left", "lookalike", "another number that is shown as the right one", _reversed),
    _worst("struck", "lookalike", "the right value, struck out with combining strokes", _struck),
    _worst(
        "zero_width", "lookalike", "a wrong number and the right one with nothing visible between them", _zero_width
    ),
    _worst(
        "cyrillic_or",
        "lookalike",
        "a hedge whose word is written with Cyrillic letters",
        Declares("{right} \u043er {wrong}"),
    ),
    _worst("tag_characters", "lookalike", "a wrong value, the right one in tag characters", lambda o: _tagged(o)),
)


def _tagged(opening: Opening) -> str:
    hidden = "".join(chr(0xE0000 + ord(char)) for char in opening.right if ord(char) < 128)
    return opening.declare(f"{opening.wrong[0]}{hidden}")
