"""`rlvr/BouncingSim-v0`: write a program that predicts where bouncing balls are; judged at times that are not told.

The families and tiers are those of the physics part of DELTA (arXiv 2509.21016); engine, prompts, generators and
tolerances are made here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rlvr_gym.envs.bouncing.families import TIERS, chosen_families
from rlvr_gym.envs.bouncing.problems import Problem, draw, pose
from rlvr_gym.envs.bouncing.prompts import prompt_of
from rlvr_gym.envs.bouncing.solution import closed_form_of, simulator_of
from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.code import fenced
from rlvr_gym.envs.procedural import ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.source import check_mapping
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.envs.text_env import TextEnv
from rlvr_gym.verifiers import ConfigError, make_verifier
from rlvr_gym.verifiers.errors import shown, suggestion

SECONDS = 5.0  # of computing time for eight times
_TRIES = 2000  # draws in which one scene is to be found; one in 2 is refused where most are, one in 8 held out


class BouncingSimTaskSet(ProceduralTaskSet[Problem]):
    """Scenes with bouncing balls, of families that are drawn uniformly.

    A scene is on one side of the split, whatever times are asked.

    Args:
        families: `"all"`: the six skills ROT_OBJ, ROT_BOX, MOV_BOX, GRAVITY, MULTI_BOX, MULTI_OBJ; `"composed"`: the
            compositions ROT_BOX+MOV_BOX, MOV_BOX+GRAVITY, MULTI_BOX+MULTI_OBJ; `"periodic"`: shuttles between two
            polygons; a skill, skills joined by `+`, PERIODIC, or a list of these.
        tier: `"basic"`, `"easy"`, `"medium"`, `"hard"` or `"extreme"`.
        tests: Times that are asked, 4 to 40.
        tolerance: How far an answer may be off, as a share of the radius of the largest disc that fits into the
            container, 0.001 to 0.1; above 0.02 places are right by luck more often.
        style: See `ProceduralTaskSet`; compact prompts are JSON, and the whole response is the program.
        split: See `ProceduralTaskSet`.
        size: See `ProceduralTaskSet`.
        seed: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        families: str | Sequence[str] = "all",
        tier: str = "basic",
        tests: int = 8,
        tolerance: float = 0.02,
        style: str = "question",
        split: str = "all",
        size: int = 10_000,
        seed: int = 0,
    ) -> None:
        self._families = chosen_families(families)
        if not isinstance(tier, str) or tier not in TIERS:
            raise ConfigError(
                f"tier must be one of {', '.join(TIERS)}; got {shown(tier)}{suggestion(str(tier), TIERS)}"
            )
        if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0.001 <= tolerance <= 0.1:
            raise ConfigError(f"tolerance must be a share from 0.001 to 0.1, got {shown(tolerance)}")
        self._tier, self._share = tier, float(tolerance)
        self._tests = check_int("tests", tests, 4, 40)
        super().__init__("BouncingSim", style=style, split=split, size=size, seed=seed)

    def draw(self, rng: TaskRandom) -> Problem:
        """See `ProceduralTaskSet.draw`. Scenes of the other side of the split are passed over early."""
        family = rng.choice(self._families)
        for _ in range(_TRIES):
            drawn = draw(rng, family, self._tier)
            if self._split != "all" and self._held_out(drawn) != (self._split == "test"):
                continue
            problem = pose(rng, drawn, self._tests, self._share)
            if problem is not None:
                return problem
        raise ConfigError(
            f"BouncingSim: no scene of {family} has {self._tests} times that can be asked: lower "
            "tests or raise tolerance"
        )

    def split_key(self, problem: Problem) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return repr(problem.scene.to_json())

    def make(self, problem: Problem) -> Task:
        """See `ProceduralTaskSet.make`."""
        shuttle = problem.shuttle
        program = simulator_of(problem.scene) if shuttle is None else closed_form_of(shuttle)
        private = {
            "reference": problem.reference,
            "solution": program if self.style == "compact" else fenced(program),
            "scene": problem.scene.to_json(),
        }
        difficulty = {"family": problem.family, "tier": problem.tier, "bounces": problem.bounces}
        return Task.create(prompt_of(problem, self.style), private, difficulty=difficulty)


class BouncingSimEnv(TextEnv):
    """Write a program that predicts where bouncing balls are at any time; judged at hidden times by `bouncing@1`.

    Args:
        families: See `BouncingSimTaskSet`.
        tier: See `BouncingSimTaskSet`.
        tests: See `BouncingSimTaskSet`.
        tolerance: See `BouncingSimTaskSet`.
        sandbox: Where programs run; see `code@1`.
        verifier_config: Further settings of `bouncing@1`, for example `{"limits": {"cpu_s": 2}}`.
        style: See `BouncingSimTaskSet`.
        split: See `BouncingSimTaskSet`.
        size: See `BouncingSimTaskSet`.
        taskset_seed: Seed of the task set: another one, another order of scenes.
        reward: See `TextEnv`.
        render_mode: See `TextEnv`.

    Raises:
        ConfigError: A knob is refused.

    Example:
        >>> env = BouncingSimEnv(families="GRAVITY")
        >>> prompt, info = env.reset(options={"task_index": 0})
        >>> info["difficulty"]
        {'family': 'GRAVITY', 'tier': 'basic', 'bounces': 8}
        >>> env.step("```python\\ndef predict_position(t):\\n    return [[0.0, 0.0]]\\n```")[4]["passed"]
        False
        >>> _ = env.reset(options={"task_index": 0})
        >>> env.step(env.task.solution)[1]
        1.0
    """

    card = Card(
        family="code",
        answer_format="A Python program with a function `predict_position(t)` in a fenced `python` block; in "
        "style=compact the whole response is the program.",
        licence=GENERATED,
        chance=0.0,
        chance_reason="every time that is asked must be right, and none is asked at which the centre, the place at the "
        "beginning or the way on without walls is",
    )

    def __init__(
        self,
        *,
        families: str | Sequence[str] = "all",
        tier: str = "basic",
        tests: int = 8,
        tolerance: float = 0.02,
        sandbox: str = "forkserver",
        verifier_config: Mapping[str, Any] | None = None,
        style: str = "question",
        split: str = "all",
        size: int = 10_000,
        taskset_seed: int = 0,
        reward: str = "outcome",
        render_mode: str | None = None,
    ) -> None:
        tasks = BouncingSimTaskSet(
            families=families,
            tier=tier,
            tests=tests,
            tolerance=tolerance,
            style=style,
            split=split,
            size=size,
            seed=taskset_seed,
        )
        blocks = "whole" if style == "compact" else "last_block"
        seconds = SECONDS * max(1.0, tests / 8)
        limits = {"cpu_s": seconds, "wall_s": 3 * seconds}
        settings = {"limits": limits, "blocks": blocks, **check_mapping("verifier_config", verifier_config)}
        if "sandbox" in settings:
            raise ConfigError("name the sandbox with sandbox=, not in verifier_config")
        judge = make_verifier("bouncing@1", sandbox=sandbox, **settings)
        super().__init__(tasks, judge, reward=reward, render_mode=render_mode)
