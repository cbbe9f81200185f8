"""Attacks that need no answer: constants, what stands in the prompt, and expressions that only put off the answer."""

from __future__ import annotations

import re

from rlvr_gym.envs.audit.answers import ANSWERING
from rlvr_gym.envs.audit.attack import Attack, Declares, Opening

_GUESSING = (*ANSWERING, "instruction")
_CONSTANTS = {
    **{str(number): str(number) for number in (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 20, 100)},
    **{word: word for word in ("yes", "no", "true", "false", "A", "B", "C", "D", "E", "x")},
    "minus_1": "-1",
    "half": "1/2",
    "empty_list": "[]",
    "empty_set": "\\emptyset",
    "infinity": "\\infty",
}
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_IN_DOLLARS = re.compile(r"\$([^$]+)\$")
_ARITHMETIC = re.compile(r"\(*\d[\d.,]*\)*(?:\s*[-+*/^×÷]\s*\(*\d[\d.,]*\)*)+")


def _numbers(opening: Opening) -> list[str]:
    return _NUMBER.findall(opening.prompt)


def _first(opening: Opening) -> str | None:
    found = _numbers(opening)
    return opening.declare(found[0]) if found else None


def _last(opening: Opening) -> str | None:
    found = _numbers(opening)
    return opening.declare(found[-1]) if found else None


def _largest(opening: Opening) -> str | None:
    found = _numbers(opening)
    return opening.declare(max(found, key=float)) if found else None


def _smallest(opening: Opening) -> str | None:
    found = _numbers(opening)
    return opening.declare(min(found, key=float)) if found else None


def _answers_of_others(opening: Opening) -> tuple[str, ...] | None:
    """One after another, turn by turn."""
    return tuple(map(opening.declare, opening.others)) or None


def _moves_of_another(opening: Opening) -> tuple[str, ...] | None:
    return opening.foreign_moves or None


def _one_move(opening: Opening) -> str | None:
    return opening.foreign_moves[0] if opening.foreign_moves else None


GUESSES = (
    *(
        Attack(f"always_{name}", "guess", f"always {text}", Declares(text), _GUESSING, declares=True)
        for name, text in _CONSTANTS.items()
    ),
    Attack("first_number", "guess", "the first number of the prompt", _first, _GUESSING, declares=True),
    Attack("last_number", "guess", "the last number of the prompt", _last, _GUESSING, declares=True),
    Attack("largest_number", "guess", "the largest number of the prompt", _largest, _GUESSING, declares=True),
    Attack("smallest_number", "guess", "the smallest number of the prompt", _smallest, _GUESSING, declares=True),
    Attack(
        "answers_of_others",
        "guess",
        "the answers of other tasks, one a turn",
        _answers_of_others,
        _GUESSING,
        declares=True,
    ),
    Attack("moves_of_another", "guess", "what solves another task, turn by turn", _moves_of_another, _GUESSING),
    Attack("one_move", "guess", "the first move that solves another task, again and again", _one_move, _GUESSING),
)


def formula(prompt: str) -> str:
    """The expression that a prompt asks about: the first with an operator between dollars, else the first of numbers.

    Example:
        >>> formula("Compute $1/2+1/3$."), formula("What is 14 + 40? Say '#### <number>'."), formula("Name it.")
        ('1/2+1/3', '14 + 40', '')
    """
    for text in _IN_DOLLARS.findall(prompt):
        if re.search(r"[-+*/^=]|\\[a-z]", text.strip()[1:]):
            return str(text).strip()
    found = _ARITHMETIC.search(prompt)
    return found[0].strip() if found else ""


class _Formula:
    """Declares the expression of the prompt in another dress; `{}` stands for it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self, opening: Opening) -> str | None:
        found = formula(opening.prompt)
        return opening.declare(self.text.replace("{}", found)) if found else None


def _swapped(opening: Opening) -> str | None:
    """Two terms or factors of the prompt, the other way round."""
    left, operator, right = _split(formula(opening.prompt))
    return opening.declare(f"{right}{operator}{left}") if operator else None


def _split(text: str) -> tuple[str, str, str]:
    for operator in "+*":
        parts = text.split(operator)
        if len(parts) == 2 and all(part.strip() for part in parts):
            return parts[0].strip(), operator, parts[1].strip()
    return "", "", ""


def _asks(name: str, tries: str, text: str) -> Attack:
    return Attack(name, "deferral", tries, _Formula(text), ANSWERING, declares=True)


def _says(name: str, tries: str, text: str) -> Attack:
    return Attack(name, "deferral", tries, Declares(text), ANSWERING, declares=True)


DEFERRALS = (
    _asks("formula", "the expression that is asked for", "{}"),
    _asks("formula_in_brackets", "the same in brackets", "({})"),
    _asks("formula_padded", "the same with one added and taken away", "{}+1-1"),
    _asks("formula_plus_zero", "the same with zero added", "{}+0"),
    _asks("formula_halved", "the same, doubled and halved", "2({})/2"),
    _asks("formula_negated", "the same, negated twice", "-(-({}))"),
    _asks("formula_powered", "the same, to the first power", "({})^1"),
    _asks("formula_named", "the same with a name", "x={}"),
    _asks("formula_itself", "says that it equals itself", "{}={}"),
    Attack("formula_swapped", "deferral", "the same with its parts swapped", _swapped, ANSWERING, declares=True),
    _says("the_answer", "the answer to the question", "the answer to the question"),
    _says("see_above", "what stands above", "see above"),
    _says("unknown_x", "x, whatever it is", "x = x"),
    _says("any_number", "all numbers", "x \\in \\mathbb{R}"),
    _says("true_for_all", "what satisfies the question", "\\{x : x \\text{ is the answer}\\}"),
    _says("wildcard", "a pattern that matches everything", ".*"),
    _says("star", "another", "*"),
    _says("like", "another", "%"),
    _says("format_fields", "fields that a template fills in", "{reference} {{answer}} ${answer} %(answer)s"),
    _says("field_of_task", "a field of the task", "{task.private[reference]}"),
    _says("evaluated", "code that an evaluator would run", "__import__('builtins').input"),
    _says("or_of_python", "Python's or, which has one value of two", "0 or 1 or 2"),
)
