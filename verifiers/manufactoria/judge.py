"""`manufactoria@1`: a program of the queue machine, run on hidden tapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeGuard

from rlvr_gym.verifiers.base import Context, ReferenceFault, Verifier
from rlvr_gym.verifiers.code.blocks import fences
from rlvr_gym.verifiers.errors import ConfigError, shown, suggestion
from rlvr_gym.verifiers.extraction import NoSlot, after_reasoning
from rlvr_gym.verifiers.manufactoria.engine import COMPAT_VISITS, Outcome, Run, run, strict_budget
from rlvr_gym.verifiers.manufactoria.patterns import Pattern, PatternError
from rlvr_gym.verifiers.manufactoria.program import SYMBOLS, Program, ProgramError, parse, parse_compact
from rlvr_gym.verifiers.verdict import Part, Reason, Status, Verdict

MODES = ("strict", "compat")
SURFACES = ("language", "compact")
DENSE = ("auto", "balanced", "fraction")
MAX_TAPE = 256
MAX_TESTS = 1000
_TAGS = ("", "manufactoria")
_REGEX_SIGNS = frozenset(".+*?|()")


class TapeTest(NamedTuple):
    """One test.

    Args:
        tape: The input.
        accepted: Whether it is to be accepted.
        output: Whether a final tape is what is wanted; None where the output is not checked.
    """

    tape: str
    accepted: bool
    output: Callable[[str], bool] | None


@dataclass(frozen=True)
class Manufactoria(Verifier):
    """Judges a program of the queue machine by running it on tapes.

    The reference is `{"tests": [...]}`. A test is `{"input": "RB", "expected_output": "", "expected_accepted": true,
    "check_output": false}`; without the last two it is to be accepted with exactly that output.

    In the mode `"strict"` a program that does not halt fails the test, whatever was wanted of it, and a tape that is to
    be rejected must be rejected by NONE. In the mode `"compat"` tests are graded as in DELTA: 1,000 visits, after which
    a run counts as rejected, so that a program that never halts passes every test that wants a rejection; with a
    checked output a wrong one counts as a rejection too; outputs with a sign of `. + * ? | ( )` are patterns.

    The dense score is `"balanced"`: the share of right tests among those to be accepted plus that among those to be
    rejected, less 1 and at least 0, so that a program that accepts or rejects everything earns nothing; or
    `"fraction"`, the share of right tests. `"auto"` is the first where no output is checked, else the second.

    Args:
        mode: `"strict"` or `"compat"`.
        surface: `"language"`: the program stands in the last fenced block without a tag or with the tag `manufactoria`,
            or is the whole response where it has no fence; `"compact"`: the whole response, see `parse_compact`.
        dense: See above.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> verifier = Manufactoria(surface="compact")
        >>> tests = [{"input": "R", "expected_accepted": True, "check_output": False}]
        >>> tests += [{"input": tape, "expected_accepted": False, "check_output": False} for tape in ("", "B")]
        >>> verifier.verify("P!--;", {"tests": tests}).passed
        True
        >>> verdict = verifier.verify("P!-0;", {"tests": tests})
        >>> verdict.score, [(part.name, part.detail) for part in verdict.parts]
        (0.5, [('accept/0', 'accept'), ('reject/1', 'loop'), ('reject/2', 'reject')])
        >>> verifier.verify("!", {"tests": tests}).score
        0.0
    """

    name = "manufactoria"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "A program that is right on the tests passes, also where it is wrong on a tape that is not among them.",
        "With mode='compat' a program that never halts passes every test that wants a rejection.",
        "How many nodes a program has and how long it runs are not judged, below the limits.",
        "A program that would halt after more visits than are given is wrong.",
        "Only the last block counts: a right program in an earlier one is not read.",
    )

    mode: str = "strict"
    surface: str = "language"
    dense: str = "auto"

    def __post_init__(self) -> None:
        for setting, known in (("mode", MODES), ("surface", SURFACES), ("dense", DENSE)):
            value = getattr(self, setting)
            if not isinstance(value, str) or value not in known:
                near = suggestion(str(value), known)
                raise ConfigError(f"{setting} must be one of {', '.join(known)}; got {shown(value)}{near}")
        super().__post_init__()

    def parse_reference(self, reference: Any) -> tuple[TapeTest, ...]:
        """See the class."""
        tests = reference.get("tests") if isinstance(reference, Mapping) else None
        if not isinstance(tests, list | tuple) or not tests:
            raise ReferenceFault("no_tests", "the reference must hold 'tests', a list that is not empty")
        if len(tests) > MAX_TESTS:
            raise ReferenceFault("too_many_tests", f"at most {MAX_TESTS:,} tests are run, not {len(tests):,}")
        return tuple(self._test(number, test) for number, test in enumerate(tests))

    def _test(self, number: int, test: Any) -> TapeTest:
        if not isinstance(test, Mapping) or not test.keys() <= _KEYS:
            raise ReferenceFault("not_a_test", f"test {number} must be an object with {', '.join(sorted(_KEYS))}")
        tape, output = test.get("input"), test.get("expected_output", "")
        accepted, checked = test.get("expected_accepted", True), test.get("check_output", True)
        if not isinstance(accepted, bool) or not isinstance(checked, bool):
            raise ReferenceFault("not_a_test", f"test {number}: expected_accepted and check_output are true or false")
        if not _is_tape(tape):
            raise ReferenceFault("not_a_tape", f"test {number}: the input is up to {MAX_TAPE} of {SYMBOLS}")
        if not checked:
            return TapeTest(tape, accepted, None)
        if "expected_output" not in test:
            raise ReferenceFault("not_a_test", f"test {number} checks the output and has no expected_output")
        if self.mode == "compat" and isinstance(output, str) and _REGEX_SIGNS & set(output):
            try:
                return TapeTest(tape, accepted, Pattern(output).matches)
            except PatternError as error:
                raise ReferenceFault("not_a_pattern", f"test {number}: {error}") from error
        if not _is_tape(output):
            raise ReferenceFault("not_a_tape", f"test {number}: the output is up to {MAX_TAPE} of {SYMBOLS}")
        return TapeTest(tape, accepted, output.__eq__)

    def judge(self, response: str, gold: Sequence[TapeTest], context: Context | None) -> Verdict:
        """See the class."""
        text = find_program(response, self.surface)
        if isinstance(text, NoSlot):
            return Verdict(text.status, 0.0, text.reason, self.id)
        try:
            program = parse_compact(text) if self.surface == "compact" else parse(text, compat=self.mode == "compat")
        except ProgramError as error:
            return Verdict(Status.MALFORMED, 0.0, Reason("syntax_error", str(error)), self.id, text[:200], self.surface)
        parts = tuple(self._part(program, number, test) for number, test in enumerate(gold))
        right = sum(part.passed is True for part in parts)
        extracted = text[:2000]
        if right == len(parts):
            reason = Reason("all_tests", "every test is passed")
            return Verdict(Status.PASSED, 1.0, reason, self.id, extracted, self.surface, parts)
        reason = Reason("wrong_runs", f"{right} of {len(parts)} tests are passed")
        score = self._score(gold, parts)
        return Verdict(Status.FAILED, score, reason, self.id, extracted, self.surface, parts)

    def _part(self, program: Program, number: int, test: TapeTest) -> Part:
        """One test; named by its number and by what is wanted, and not by its tape, which is hidden."""
        compat = self.mode == "compat"
        ended = run(program, test.tape, COMPAT_VISITS if compat else strict_budget(program, test.tape))
        passed = _compat_pass(test, ended) if compat else _strict_pass(test, ended)
        name = f"{'accept' if test.accepted else 'reject'}/{number}"
        wrong_output = not passed and test.accepted and ended.outcome is Outcome.ACCEPT
        return Part(name, passed, float(passed), "output" if wrong_output else ended.outcome.value)

    def _score(self, gold: Sequence[TapeTest], parts: Sequence[Part]) -> float:
        checked = any(test.output is not None for test in gold)
        if self.dense == "fraction" or (self.dense == "auto" and checked):
            return sum(part.score for part in parts) / len(parts)
        total = 0.0
        for side in (True, False):
            scores = [part.score for test, part in zip(gold, parts, strict=True) if test.accepted is side]
            total += sum(scores) / len(scores) if scores else 1.0
        return max(0.0, total - 1.0)


_KEYS = {"input", "expected_output", "expected_accepted", "check_output"}


def _is_tape(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= MAX_TAPE and not value.strip(SYMBOLS)


def _strict_pass(test: TapeTest, ended: Run) -> bool:
    if not test.accepted:
        return ended.outcome is Outcome.REJECT
    return ended.outcome is Outcome.ACCEPT and (test.output is None or test.output(ended.tape))


def _compat_pass(test: TapeTest, ended: Run) -> bool:
    finished = ended.outcome is Outcome.ACCEPT
    return (finished and (test.output is None or test.output(ended.tape))) == test.accepted


def find_program(response: str, surface: str) -> str | NoSlot:
    """Where in a response the program stands: one place, with nothing to fall back to.

    Only what follows the last complete `</think>` is read. In the language the last fenced block that counts is read:
    one without a tag or with the tag `manufactoria`. A last fence that is never closed is an error, and so is a
    response whose fences all have other tags.

    Example:
        >>> find_program("```\\nfirst\\n```\\n```manufactoria\\nsecond\\n```", "language")
        'second\\n'
        >>> find_program("```\\nfirst\\n```\\n```\\nsecond", "language").reason.code
        'unclosed_fence'
    """
    text = after_reasoning(response)
    if text is None:
        return NoSlot(Status.NO_ANSWER, Reason("unclosed_reasoning", "<think> was opened and never closed"))
    if not text.strip().strip("\0"):
        return NoSlot(Status.NO_ANSWER, Reason("no_code", "the response is empty"))
    if surface == "compact":
        return text
    found = fences(text)
    if found.unclosed:
        return NoSlot(Status.MALFORMED, Reason("unclosed_fence", "the last fenced block is never closed"))
    if not found.blocks:
        return text
    blocks = [block.text for block in found.blocks if block.info in _TAGS]
    if not blocks:
        return NoSlot(Status.NO_ANSWER, Reason("no_code", "no fenced block is without a tag or tagged manufactoria"))
    return blocks[-1]
