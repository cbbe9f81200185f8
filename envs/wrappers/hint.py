"""`Hint`: the beginning of a solution in the prompt; success with it is told apart from success."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from rlvr_gym.envs.task import Task, check_text, content_hash
from rlvr_gym.envs.text_env import Info, TextEnv
from rlvr_gym.envs.wrappers.base import Options, Step, TextWrapper, any_text, beginning, check_number, parts_of
from rlvr_gym.envs.wrappers.many import text_env_of
from rlvr_gym.envs.wrappers.opening import Opening
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.extraction import Slot, final_slot

INTRODUCTION = "A correct solution begins like this:"

_DECLARATIONS = ("####", "A:", "boxed", "answer_tag")
_CLOSINGS = ("", "\n```", "}", "</answer>")


class Hint(TextWrapper):
    """Show a fraction of the reference solution (GHPO, arXiv 2507.10628: 25 %, then 50 %, then 75 % of its characters).

    The fraction is a setting, and for one episode the option `hint` of `reset`, so that a learner can try again with
    more where a whole group failed. A hint ends before the solution declares its answer, and is shortened until it does
    not pass by itself. Of a task without a solution, or of one whose solution is its answer, nothing is shown: such an
    episode is one without a hint.

    **A hinted success is no success.** `info["hint"]` is the fraction that is shown. Where it is above 0, the last info
    has `passed` False whatever happened, and the truth under other names, which nothing counts by mistake:
    `passed_with_hint`, `verdict_with_hint`. The reward stays, for the learner. The anchor depends on the hint.

    Args:
        env: The environment, with a `TextEnv` inside.
        fraction: In [0, 1).
        introduction: What stands between the prompt and the hint.

    Raises:
        ConfigError: A setting is refused; there is no task to take a solution of (at reset).

    Example:
        >>> import json, pathlib, tempfile
        >>> row = {"question": "3 + 4, doubled?", "answer": "3 + 4 = 7 and 2 * 7 = 14\\n#### 14"}
        >>> file = pathlib.Path(tempfile.mkdtemp(), "rows.jsonl")
        >>> _ = file.write_text(json.dumps(row))
        >>> env = Hint(gym.make("rlvr_gym:rlvr/GSM8K-v0", path=str(file)))
        >>> observation, info = env.reset(seed=0, options={"hint": 0.5})
        >>> observation.splitlines()[-1], info["hint"]
        ('3 + 4 = 7 and 2 ', 0.5)
        >>> info = env.step("#### 14")[4]
        >>> info["passed"], info["passed_with_hint"]
        (False, True)
    """

    def __init__(self, env: gym.Env[str, str], fraction: float = 0.25, introduction: str = INTRODUCTION) -> None:
        super().__init__(env, fraction=fraction, introduction=introduction)
        self._fraction = _checked(fraction)
        self._introduction = check_text("introduction", introduction)
        self._opening: Opening | None = None
        self._shown = 0.0
        any_text(self)

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> tuple[str, Info]:
        """See `TextEnv.reset`; the option `hint` is taken out."""
        fraction = self._fraction
        if isinstance(options, dict) and "hint" in options:
            fraction = _checked(options["hint"])
            options = {key: value for key, value in options.items() if key != "hint"}
        self._opening = None
        observation, info = self.env.reset(seed=seed, options=options)
        inside = text_env_of(self.env)
        if inside is None:
            raise ConfigError("this environment has no tasks with solutions: Hint needs a TextEnv inside")
        text = hint_of(inside, inside.task, fraction)
        self._shown = len(text) / len(inside.task.solution or " ")
        tail = f"\n\n{self._introduction}\n{text}" if text else ""
        self._opening = Opening.of(beginning(observation, info), tail=tail)
        return self.restored(observation, info)

    def step(self, action: str) -> Step:
        """See `TextEnv.step`."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, float(reward), terminated, truncated, self._told(info)

    def get_state(self) -> Any:
        """See `TextWrapper.get_state`."""
        return {"opening": None if self._opening is None else self._opening.to_state(), "shown": self._shown}

    def set_state(self, state: Any) -> None:
        """See `TextWrapper.set_state`."""
        opening, self._shown = parts_of(self, state, "opening", "shown")
        self._opening = Opening.from_state(self, opening)

    def restored(self, observation: Any, info: Info) -> tuple[Any, Info]:
        """See `TextWrapper.restored`."""
        if self._opening is None:
            return observation, info
        observation, info = self._opening.seen(observation, info)
        return observation, self._told(info)

    def _told(self, info: Info) -> Info:
        told = {**info, "hint": max(self._shown, info.get("hint", 0.0))}
        if not self._shown or self._opening is None:
            return told
        if "anchor" in told:
            told["anchor"] = content_hash([told["anchor"], self._opening.tail])
        if "verdict" in told:
            told["verdict_with_hint"] = told.pop("verdict")
        if "passed" in told and "passed_with_hint" not in told:
            told["passed_with_hint"] = told["passed"]
            told["passed"] = False
        return told


def hint_of(env: TextEnv, task: Task, fraction: float) -> str:
    """The beginning of a task's solution; empty where nothing of it can be shown.

    Args:
        env: Whose verifier must not pass the hint.
        task: The task.
        fraction: Of the characters of the solution, at most.
    """
    solution = task.solution
    if not solution or not fraction:
        return ""
    context = {"prompt": task.prompt}
    if env.verifier.verify(solution, task.reference, context=context).method.partition("/")[0] == "whole":
        return ""  # the solution is the answer and nothing else
    declared = final_slot(solution, _DECLARATIONS)
    end = len(solution) - len(declared.source) + declared.start if isinstance(declared, Slot) else len(solution)
    hint = solution[: min(end, int(fraction * len(solution)))]
    while hint and any(env.verifier.verify(hint + tail, task.reference, context=context).passed for tail in _CLOSINGS):
        hint = hint[: len(hint) // 2]
    return hint if hint.strip() else ""


def _checked(fraction: Any) -> float:
    if check_number("hint", fraction, 0.0, 1.0) == 1.0:
        raise ConfigError("a hint is less than the whole solution: give a fraction below 1")
    return float(fraction)
