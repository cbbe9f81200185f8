"""`rlvr/CodeRepair-v0`: write a program, see which of the shown tests it fails, write it again.

The problems are those of another environment. What a failed attempt did on public tests is told; of the hidden ones
only whether all of them pass, and if not, the kind of the first failure.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from rlvr_gym.envs.action import Transition
from rlvr_gym.envs.card import Card
from rlvr_gym.envs.source import check_mapping
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.envs.text_env import TextEnv
from rlvr_gym.verifiers import ConfigError, Verdict
from rlvr_gym.verifiers.errors import shown, suggestion

PROBLEMS: Mapping[str, str] = {
    "CodeContests": "rlvr_gym.envs.code_contests:CodeContestsEnv",
    "HumanEval": "rlvr_gym.envs.code_functions:HumanEvalEnv",
    "ListFunctions": "rlvr_gym.envs.list_functions:ListFunctionsEnv",
    "MBPP": "rlvr_gym.envs.code_functions:MBPPEnv",
}
TOLD_FAILURES = 5


class CodeRepairEnv(TextEnv):
    """Programs with several attempts: after each failed one the failures on shown tests; judged with `code@1`.

    The episode ends when all tests pass, or with the verdict on the last attempt, for which the reward is given.

    Args:
        problems: Whose problems: `ListFunctions`, `HumanEval`, `MBPP` or `CodeContests`.
        settings: Keywords of that environment, for example `{"path": "HumanEval.jsonl"}` or `{"depth": 2}`.
        max_turns: Attempts.
        sandbox: Where programs run; see `code@1`.
        reward: See `TextEnv`.
        render_mode: See `TextEnv`.

    Raises:
        ConfigError: No such problems; a refused setting.

    Example:
        >>> env = CodeRepairEnv(settings={"depth": 1, "length": 5, "shown": 2})
        >>> _ = env.reset(options={"task_index": 0})
        >>> print(env.step("```python\\ndef f(x):\\n    return x\\n```")[0])
        Failed shown tests:
        test 2: wrong answer: asked '[4, -3]', expected '[-4, 3]', got '[4, -3]'
        <BLANKLINE>
        3 attempts left. Give the whole program again.
        >>> env.step(env.task.solution)[1]
        1.0
    """

    card = Card(
        family="code",
        answer_format="Each turn the whole program in a fenced `python` block, as the problems ask for it.",
        licence="Those of the problems; the default ones are generated: Apache-2.0, as this project.",
        chance=0.001,
        chance_reason="four of 33 fixed functions, one an attempt, pass 1 of 3,000 default tasks; of other problems, "
        "the chance of their environment at every attempt",
        told="The task's text and the number of attempts; after a failed one up to five failures on shown tests with "
        "what they asked, expected and got, of hidden tests only that one fails and how, and the attempts that are "
        "left.",
        data="None with the default problems; a file where `settings` names one.",
    )

    def __init__(
        self,
        *,
        problems: str = "ListFunctions",
        settings: Mapping[str, Any] | None = None,
        max_turns: int = 4,
        sandbox: str = "forkserver",
        reward: str = "outcome",
        render_mode: str | None = None,
    ) -> None:
        check_int("max_turns", max_turns, 1, 1000)
        source = _environment(problems, sandbox, check_mapping("settings", settings))
        super().__init__(source.taskset, source.verifier, reward=reward, max_turns=max_turns, render_mode=render_mode)
        self._last: dict[str, Any] | None = None

    def begin(self, task: Task) -> str:
        """See `TextEnv.begin`."""
        self._last = None
        if self.max_turns == 1:
            return task.prompt
        rules = f"You have {self.max_turns} attempts. After each you are told which shown tests it fails."
        return f"{task.prompt}\n\n{rules}"

    def transition(self, action: str) -> Transition:
        """See `TextEnv.transition`."""
        verdict = self._verdict(action, self.task.reference)
        self._last = {"program": verdict.extracted, "failed": [part.name for part in verdict.parts if not part.passed]}
        if verdict.passed or not verdict.gradable or self._turn >= self.max_turns:
            return Transition(verdict=verdict)
        # A program can read all inputs of its run and answer with them: what is told is of a run on public tests alone.
        shown_tests = shown_part(self.task.reference) if verdict.parts else None
        on_shown = self._verdict(action, shown_tests) if shown_tests is not None else None
        if on_shown is not None and not on_shown.gradable:
            return Transition(verdict=on_shown)
        left = self.max_turns - self._turn
        attempts = "1 attempt" if left == 1 else f"{left} attempts"
        return Transition(f"{failures(verdict, on_shown)}\n\n{attempts} left. Give the whole program again.")

    def _verdict(self, action: str, reference: Any) -> Verdict:
        return self.verifier.verify(str(action), reference, context={"prompt": self.task.prompt})

    def get_state(self) -> Any:
        """The last attempt and what it failed; None before the first. Equal attempts have equal anchors."""
        return self._last

    def set_state(self, state: Any) -> None:
        """See `TextEnv.set_state`."""
        self._last = state


def shown_part(reference: Mapping[str, Any]) -> dict[str, Any] | None:
    """A reference of `code@1` with its public tests alone; None where there are none.

    Example:
        >>> shown_part({"kind": "stdio", "tests": [{"stdin": "1", "public": True}, {"stdin": "2"}]})
        {'kind': 'stdio', 'tests': [{'stdin': '1', 'public': True}]}
    """
    for key in ("tests", "asserts"):
        if key in reference:
            public = [test for test in reference[key] if isinstance(test, Mapping) and test.get("public")]
            return {**reference, key: public} if public else None
    return dict(reference) if reference.get("public") else None


def failures(verdict: Verdict, on_shown: Verdict | None) -> str:
    """What may be told of a failed attempt. Whatever the program produced is quoted, escaped and cut.

    Args:
        verdict: On all tests.
        on_shown: On the public ones alone; None where there are none.
    """
    if not verdict.parts or verdict.reason.code in _NOT_RUN:
        code = verdict.reason.code.replace("_", " ")
        return f"No program could be run: {code if verdict.parts else verdict.reason.text}."
    if on_shown is None or on_shown.passed:
        hidden = [part.detail for part in verdict.parts if not part.passed and ": " not in part.detail]
        return f"No shown test fails, but a hidden one does: {hidden[0] if hidden else verdict.status.value}."
    told = [f"{part.name}: {part.detail}" for part in on_shown.parts if not part.passed]
    more = [f"and {len(told) - TOLD_FAILURES} more"] if len(told) > TOLD_FAILURES else []
    return "\n".join(["Failed shown tests:", *told[:TOLD_FAILURES], *more])


_NOT_RUN = ("compile_error", "load_error", "protocol_violation", "syntax_error")


def _environment(problems: Any, sandbox: Any, settings: Mapping[str, Any]) -> TextEnv:
    if not isinstance(problems, str) or problems not in PROBLEMS:
        hint = suggestion(problems if isinstance(problems, str) else "", PROBLEMS)
        raise ConfigError(f"problems must name an environment of programs, got {shown(problems)}{hint}")
    for name in ("max_turns", "render_mode", "reward", "sandbox"):
        if name in settings:
            raise ConfigError(f"{name} stands beside settings, not in it")
    module, _, name = PROBLEMS[problems].partition(":")
    try:
        source: TextEnv = getattr(importlib.import_module(module), name)(sandbox=sandbox, **settings)
    except TypeError as error:
        raise ConfigError(f"settings of {problems}: {error}") from error
    return source
