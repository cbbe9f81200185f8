"""What is right and what is wrong in a task, as texts that a response can declare."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from rlvr_gym.envs.audit.attack import ANSWERS, WHOLE, Carrier
from rlvr_gym.envs.task import Task

_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d{1,40})(?:\.\d{1,40}|/\d{1,40})?")
_FENCE = re.compile(r"```\w*\n(.*?)\n?```", re.DOTALL)
_DEFINED = re.compile(r"\bdef\s+([A-Za-z_]\w*)\s*\(|`([A-Za-z_]\w*)(?:\([^`]*\))?`")
_OPPOSITES = {"yes": "no", "no": "yes", "true": "false", "false": "true", "even": "odd", "odd": "even"}
_LETTERS = "ABCDE"
_CHOICE = re.compile(r"((?:\\text\{)?\(?)([A-E])(\)?\}?)")
_STEPS = (1, -1, 5, 7, 11)


def exact(text: str) -> Fraction | None:
    """The value of a plain number; None where the text is none.

    Example:
        >>> exact("-4.5"), exact("3/4"), exact("1,200"), exact("1,2"), exact("1/0")
        (Fraction(-9, 2), Fraction(3, 4), Fraction(1200, 1), None, None)
    """
    if not _NUMBER.fullmatch(text.strip()):
        return None
    try:
        return Fraction(text.strip().replace(",", ""))
    except ZeroDivisionError:
        return None


def plain(value: Fraction) -> str:
    """A number as people write it.

    Example:
        >>> plain(Fraction(9, 2)), plain(Fraction(1, 3)), plain(Fraction(-7))
        ('4.5', '1/3', '-7')
    """
    if value.denominator == 1:
        return str(value.numerator)
    for places in range(1, 13):
        scaled = abs(value) * 10**places
        if scaled.denominator == 1:
            digits = str(scaled.numerator).rjust(places + 1, "0")
            return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
    return f"{value.numerator}/{value.denominator}"


def right_of(task: Task) -> str:
    """The right answer without its declaration; empty where it is not known.

    A number or text that is the reference itself, else what the solution declares.

    Example:
        >>> tasks = [Task.create("2 + 2?", {"reference": 4}), Task.create("?", {"reference": {"answer": "x"}})]
        >>> list(map(right_of, tasks))
        ['4', 'x']
        >>> right_of(Task.create("Make 7.", {"reference": {"target": 7}, "solution": "so <answer>3+4</answer>"}))
        '3+4'
    """
    reference = task.reference
    if isinstance(reference, Mapping) and isinstance(reference.get("answer"), str | int):
        reference = reference["answer"]
    if isinstance(reference, str | int | float) and not isinstance(reference, bool):
        return str(reference).strip()
    return undeclared(task.solution or "")


def undeclared(response: str) -> str:
    """What a response declares: its last program, else its last declared answer, else the whole.

    Example:
        >>> undeclared("```python\\nx = 1\\n```"), undeclared("so\\n#### 4"), undeclared("1+2")
        ('x = 1', '4', '1+2')
    """
    if blocks := _FENCE.findall(response):
        return str(blocks[-1])
    for carrier in ANSWERS:
        at = response.rfind(carrier.before) if carrier.before else -1
        if at >= 0:
            rest = response[at + len(carrier.before) :]
            end = rest.rfind(carrier.after) if carrier.after else rest.find("\n")
            return rest[: end if end >= 0 else len(rest)].strip()
    return response.strip()


def own_carrier(solution: str | None, right: str) -> Carrier | None:
    """How the solution declares the answer; None where it does not hold it.

    Example:
        >>> own_carrier("so it is: 7!", "7")
        Carrier(name='solution', before='so it is: ', after='!')
    """
    at = (solution or "").rfind(right) if right else -1
    if solution is None or at < 0 or solution == right:
        return None
    return Carrier("solution", solution[:at], solution[at + len(right) :])


def wrong_answers(right: str, others: Sequence[str]) -> list[str]:
    """Answers of the form of the right one that should be wrong; the caller plays them and leaves out what passes.

    Args:
        right: The right answer.
        others: Right answers of other tasks.

    Example:
        >>> wrong_answers("54", []), wrong_answers("(B)", ["C"]), wrong_answers("Yes", [])
        (['55', '53', '59', '61', '65'], ['(A)', '(C)', '(D)'], ['no', '17', '23'])
    """
    value = exact(right)
    if value is not None:  # 0, 1 and -1 would be swallowed by a product or a difference that an attack writes
        return [plain(value + step) for step in _STEPS if abs(value + step) > 1]
    if choice := _CHOICE.fullmatch(right):
        rest = [letter for letter in _LETTERS if letter != choice[2]]
        return [f"{choice[1]}{letter}{choice[3]}" for letter in rest[:3]]
    found = [_OPPOSITES[right.lower()]] if right.lower() in _OPPOSITES else []
    found += [other for other in others if other != right]
    return list(dict.fromkeys([*found, "17", "23"]))[:3]


def wrong_expressions(reference: Any) -> list[str]:
    """For a reference of given numbers and a target: expressions that need not have its value.

    Example:
        >>> wrong_expressions({"numbers": [3, 5, 7], "target": 22})
        ['3+5+7', '22', '3*5*7']
    """
    if not isinstance(reference, Mapping) or not {"numbers", "target"} <= set(reference):
        return []
    numbers = [str(number) for number in reference["numbers"]]
    return ["+".join(numbers), str(reference["target"]), "*".join(numbers)]


def names_of(task: Task | None, prompt: str) -> tuple[str, ...]:
    """The functions that a program is asked for: as the tests say, else as the prompt shows; `f` where neither does.

    Example:
        >>> names_of(None, "Write `area(r)`."), names_of(None, "Print 7.")
        (('area',), ('f',))
    """
    reference = task.reference if task is not None else None
    if isinstance(reference, Mapping):
        if isinstance(reference.get("entry_point"), str):
            return (reference["entry_point"],)
        if names := reference.get("names"):
            return tuple(map(str, names))
    found = [name for match in _DEFINED.finditer(prompt) for name in match.groups() if name]
    return tuple(dict.fromkeys(found)) or ("f",)


def is_code(reference: Any) -> bool:
    """Whether a reference has the form of `code@1`: then answers are programs."""
    return isinstance(reference, Mapping) and isinstance(reference.get("kind"), str)


def carriers_for(code: bool, own: Carrier | None) -> tuple[Carrier, ...]:
    """The declarations to try, the solution's own first where it is none of the usual ones."""
    usual = (Carrier("block", "```python\n", "\n```"), WHOLE) if code else ANSWERS
    known = {(carrier.before, carrier.after) for carrier in usual}
    return usual if own is None or (own.before, own.after) in known else (own, *usual)
