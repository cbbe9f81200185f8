"""`rlvr/ToolFiles-v0`: find something out about a tree of files, or put the files in order, by a small shell.

Folders, files and what is in them are drawn for each task. Answers are numbers that a policy can only have read, and
where something is to be done the whole tree is compared afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.envs.tools.files import Files
from rlvr_gym.envs.tools.files_tasks import Job, Scene, job, scene
from rlvr_gym.envs.tools.tool_env import ToolEnv
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall
from rlvr_gym.envs.tools.toolkit import Limits, Toolkit
from rlvr_gym.verifiers import ConfigError, make_verifier
from rlvr_gym.verifiers.errors import shown

KIT = "files"
_MAX_DRAWS = 200
_READ = "Change no file."
_WRITE = "Change nothing else. When that is done, answer `done`."


class Problem(NamedTuple):
    """A tree and a task over it."""

    there: Scene
    job: Job


class ToolFilesTaskSet(ProceduralTaskSet[Problem]):
    """Trees of files with a question or a piece of work.

    Args:
        files: How many files there are, 8 to 80.
        depth: How many folders they lie under one another, 1 to 4.
        lines: Most lines of a journal, 20 to 200.
        writes: Share of the tasks that change files, from 0 to 1.
        split: See `ProceduralTaskSet`.
        size: See `ProceduralTaskSet`.
        seed: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        files: int = 20,
        depth: int = 2,
        lines: int = 60,
        writes: float = 0.5,
        split: str = "all",
        size: int = 10_000,
        seed: int = 0,
    ) -> None:
        self._files = check_int("files", files, 8, 80)
        self._depth = check_int("depth", depth, 1, 4)
        self._lines = check_int("lines", lines, 20, 200)
        if isinstance(writes, bool) or not isinstance(writes, int | float) or not 0 <= writes <= 1:
            raise ConfigError(f"writes must be a number from 0 to 1, got {shown(writes)}")
        self._writes = writes
        super().__init__("ToolFiles", style="question", split=split, size=size, seed=seed)
        self._difficulty = {"files": files, "depth": depth, "lines": lines}

    def draw(self, rng: TaskRandom) -> Problem:
        """See `ProceduralTaskSet.draw`."""
        writes = rng.below(1_000_000) < self._writes * 1_000_000
        for _ in range(_MAX_DRAWS):
            there = scene(rng, self._files, self._depth, self._lines)
            drawn = job(rng, there, writes=writes)
            if drawn is not None:
                return Problem(there, drawn)
        raise ConfigError(f"ToolFiles: {_MAX_DRAWS} trees with files={self._files} fit no task; take more files")

    def split_key(self, problem: Problem) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return f"{problem.there.files()}\n{problem.job.text}"

    def make(self, problem: Problem) -> Task:
        """See `ProceduralTaskSet.make`."""
        files, drawn = problem.there.files(), problem.job
        writes = drawn.answer is None
        reference: dict[str, Any] = {"initial": {KIT: Files(files).public_state()}, "forbidden": [[]]}
        if drawn.answer is not None:
            reference["answer"] = drawn.answer
        if drawn.changed:
            reference["state"] = {KIT: dict(drawn.changed)}
        if drawn.absent:
            reference["absent"] = [[KIT, path] for path in drawn.absent]
        private = {
            "reference": reference,
            "files": files,
            "commands": list(drawn.commands),
            "answer": drawn.answer or "done",
        }
        prompt = f"You work with a tree of text files. {drawn.text} {_WRITE if writes else _READ}"
        return Task.create(prompt, private, difficulty={**self._difficulty, "writes": writes})


class ToolFilesEnv(ToolEnv):
    """Look something up in files, or move, edit and remove them as told, by a small shell; judged by `state@1`.

    Where something is asked, the files must be left as they were; where something is to be done, all other files and
    folders must.

    Args:
        files: See `ToolFilesTaskSet`.
        depth: See `ToolFilesTaskSet`.
        lines: See `ToolFilesTaskSet`.
        writes: See `ToolFilesTaskSet`.
        tool_cost: What a command costs, in units of reward.
        call_format: How calls are written.
        rendering: See `ToolEnv`.
        max_turns: Responses, calls and answer together.
        split: See `ProceduralTaskSet`.
        size: See `ProceduralTaskSet`.
        taskset_seed: Seed of the task set: another one, another order of tasks.
        reward: See `TextEnv`.
        render_mode: See `TextEnv`.

    Raises:
        ConfigError: A knob is refused.

    Example:
        >>> env = ToolFilesEnv(writes=0)
        >>> _ = env.reset(options={"task_index": 0})
        >>> *commands, answer = env.expert(env.task)
        >>> _ = [env.step(command) for command in commands]
        >>> env.step(answer)[4]["passed"]
        True
    """

    card = Card(
        family="tool",
        answer_format="The value in `<answer>` tags or alone, or as the call format has it; `done` after a change.",
        licence=GENERATED,
        chance=0.001,
        chance_reason="the most frequent answer is that of 8 in 10,000 questions, which ask for several values "
        "at once, and work is judged by the whole tree",
        told="The task, the tool and how to call it; after each call its result or what was wrong with it.",
    )

    def __init__(
        self,
        *,
        files: int = 20,
        depth: int = 2,
        lines: int = 60,
        writes: float = 0.5,
        tool_cost: float = 0.0,
        call_format: str = "xml",
        rendering: str | None = None,
        max_turns: int = 12,
        split: str = "all",
        size: int = 10_000,
        taskset_seed: int = 0,
        reward: str = "outcome",
        render_mode: str | None = None,
    ) -> None:
        tasks = ToolFilesTaskSet(
            files=files, depth=depth, lines=lines, writes=writes, split=split, size=size, seed=taskset_seed
        )
        judge = make_verifier("state@1")
        super().__init__(
            tasks,
            judge,
            call_format=call_format,
            rendering=rendering,
            max_turns=max_turns,
            reward=reward,
            render_mode=render_mode,
        )
        self._limits = Limits(cost=tool_cost)

    def equip(self, task: Task) -> Mapping[str, Toolkit]:
        """See `ToolEnv.equip`."""
        return {KIT: Files(task.private["files"], limits=self._limits)}

    def expert(self, task: Task) -> list[str]:
        """The responses that solve a task, one command at a time, in the format of this environment."""
        tools = list(Toolbox(self.equip(task)).tools.values())
        calls = [ToolCall("shell", {"command": command}) for command in task.private["commands"]]
        answer = self.call_format.write_answer(task.private["answer"])
        return [*(self.call_format.write([call], tools) for call in calls), answer]
