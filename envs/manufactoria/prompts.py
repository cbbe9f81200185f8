"""What a policy is told: the language, what is asked, examples, a hint; and after an attempt, what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rlvr_gym.envs.manufactoria.family import Family, Problem
from rlvr_gym.envs.manufactoria.problems import FAMILIES
from rlvr_gym.verifiers import Verdict
from rlvr_gym.verifiers.manufactoria import (
    COMPAT_VISITS,
    Program,
    ProgramError,
    find_program,
    parse,
    parse_compact,
    run,
    strict_budget,
)

LANGUAGE = """\
You build a machine that sorts tapes. A tape is a row of coloured symbols: R (red), B (blue), Y (yellow), G (green). \
The machine takes symbols from the front of the tape and paints symbols at its back. It is a graph of nodes, and is \
always in one of them, from `start` on. A tape is accepted when the machine reaches `end`, and rejected when it is led \
to NONE.

A program lists the nodes, in any order. A node begins with a line of its own; the lines below it are indented by four \
spaces. What follows a # is a comment.

START start:
    NEXT a            # the first node; there is one START, and its name is start

PULLER_RB a:          # takes the front symbol if it is R or B
    [R] b             # where to go after it took an R
    [B] NONE          # where to go after it took a B
    [EMPTY] end       # where to go if it took nothing: the tape is empty, or its front is Y or G

PULLER_YG b:          # the same for Y and G, with [Y], [G] and [EMPTY]
    [Y] a

PAINTER_RED c:        # puts an R at the back; PAINTER_BLUE, PAINTER_YELLOW and PAINTER_GREEN are the others
    NEXT a

END end               # there is one END; its name is end, and it has no colon and no lines

A branch that a puller does not list leads to NONE. Every other target must be the name of a node. Names are letters, \
digits and underscores. \
"""
HALTING = {
    "strict": "The machine must halt on every tape: one that runs for ever fails, also on tapes to be rejected.",
    "compat": f"A tape on which the machine has not halted after {COMPAT_VISITS:,} nodes counts as rejected.",
}
ACCEPTING = "Only whether a tape is accepted counts; what is left on it does not matter."
WRITING = "The tape that is left at `end` is the answer, and must be exactly right."
EXAMPLE = """\
For example, this machine accepts the tapes whose first symbol is R:

START start:
    NEXT look

PULLER_RB look:
    [R] end

END end\
"""
FORM = "Give the whole program in one ```manufactoria block; the last such block counts."
TOLD_FAILURES = 5


def prompt_of(problem: Problem, style: str, examples: Sequence[dict[str, Any]], hint: str, mode: str = "strict") -> str:
    """The prompt of a problem.

    Args:
        problem: The problem.
        style: `"question"` or `"compact"`.
        examples: Tests that are shown.
        hint: `"none"`, or `"idea"` to say how such a machine works.
        mode: See `manufactoria@1`.

    Example:
        >>> prompt_of(Problem("HAS", "RB", ("ordered", "RB")), "compact", [], "none")
        'oRB:'
    """
    family = FAMILIES[problem.tag]
    if style == "compact":
        four = "4" if len(problem.alphabet) == 4 else ""
        shown = "".join(f"|{test['input']}{_compact_wanted(test)}" for test in examples)
        return f"{four}{family.short(problem.values)}{shown}:"
    sections = [LANGUAGE + HALTING[mode], EXAMPLE, WRITING if family.output else ACCEPTING, _tapes(family, problem)]
    sections += [f"Hint: {family.idea}"] if hint == "idea" else []
    sections.append(f"Build a machine with this task: {family.criterion(problem.values)}")
    if examples:
        sections.append("Examples:\n" + "\n".join(_said(test) for test in examples))
    return "\n\n".join([*sections, FORM])


def _tapes(family: Family, problem: Problem) -> str:
    if family.form:
        return family.form
    if len(problem.alphabet) == 4:
        return "At the beginning a tape may hold all four colours, or nothing."
    return "At the beginning a tape holds R and B only, or nothing."


def _compact_wanted(test: dict[str, Any]) -> str:
    return f">{test['expected_output']}" if test["check_output"] else "+" if test["expected_accepted"] else "-"


def _named(tape: str) -> str:
    return tape or "(empty)"


def _said(test: dict[str, Any]) -> str:
    if test["check_output"]:
        return f"{_named(test['input'])} becomes {_named(test['expected_output'])}"
    return f"{_named(test['input'])} is {'accepted' if test['expected_accepted'] else 'rejected'}"


def feedback(
    response: str, verdict: Verdict, examples: Sequence[dict[str, Any]], surface: str, mode: str = "strict"
) -> str:
    """What is told after a failed attempt: what cannot be read, or which of the shown tests fail and how.

    Of the hidden tests it tells that one fails where all that are shown are passed, and nothing else.

    Args:
        response: The attempt.
        verdict: What the verifier said.
        examples: The tests that are shown.
        surface: See `manufactoria@1`.
        mode: See `manufactoria@1`.
    """
    if surface == "compact":
        return _compact_feedback(response, verdict, examples, mode)
    if not verdict.parts:
        return f"The program cannot be read: {verdict.reason.text}."
    failures = [line for test in examples if (line := _failure(_program(response, surface), test, mode))]
    if not failures:
        return "Every shown example comes out right, and a hidden test does not." if examples else "A test fails."
    return "\n".join(["Examples that come out wrong:", *failures[:TOLD_FAILURES]])


def _compact_feedback(response: str, verdict: Verdict, examples: Sequence[dict[str, Any]], mode: str) -> str:
    if not verdict.parts:
        return "?:"
    program = _program(response, "compact")
    wrong = next((test for test in examples if _failure(program, test, mode)), None)
    return "x:" if wrong is None else f"{wrong['input']}{_compact_wanted(wrong)}:"


def _program(response: str, surface: str) -> Program | None:
    text = find_program(response, surface)
    try:
        return (parse_compact if surface == "compact" else parse)(text) if isinstance(text, str) else None
    except ProgramError:
        return None


_ENDINGS = {"accept": "is accepted", "reject": "is rejected", "loop": "makes it run for ever", "budget": "does not end"}


def _failure(program: Program | None, test: dict[str, Any], mode: str) -> str:
    """How a shown test comes out wrong; empty where it does not."""
    tape = test["input"]
    if program is None:
        return ""
    ended = run(program, tape, COMPAT_VISITS if mode == "compat" else strict_budget(program, tape))
    outcome = ended.outcome.value
    if mode == "compat" and outcome in ("loop", "budget"):
        outcome = "reject"
    if test["check_output"]:
        right = outcome == "accept" and ended.tape == test["expected_output"]
        got = f"becomes {_named(ended.tape)}" if outcome == "accept" else _ENDINGS[outcome]
        return "" if right else f"{_named(tape)} should become {_named(test['expected_output'])}, and {got}"
    wanted = "accept" if test["expected_accepted"] else "reject"
    return "" if outcome == wanted else f"{_named(tape)} should be {wanted}ed, and {_ENDINGS[outcome]}"
