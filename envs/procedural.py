"""Procedural families: tasks made by a generator, without data.

A family is a task set over problems of its own type (`draw`, `split_key`, `make`) and an environment that names the
task set and its verifier. The keywords of the environment are the knobs of the task set.
"""

from __future__ import annotations

import hashlib
import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypedDict, TypeVar

from rlvr_gym.envs.task import Task, TaskSet, check_int, check_text
from rlvr_gym.envs.text_env import TextEnv
from rlvr_gym.verifiers import ConfigError, Verifier
from rlvr_gym.verifiers.errors import shown

T = TypeVar("T")
P = TypeVar("P")

SPLITS = ("train", "test", "all")
STYLES = ("question", "compact")
TEST_SHARE = 8  # one problem in eight is held out


class TaskRandom:
    """Random numbers of one task: BLAKE2b in counter mode, keyed by the task set and the index.

    Generators draw from this rather than from `random` or NumPy, because its stream is defined by one line and so is
    the same in every version of both, and because a fresh one costs 1 µs instead of 6 to 20, which is most of what
    making a task costs. Each draw takes a remainder of at least 128 more bits than the bound needs, so its bias is
    below 2**-128.

    Example:
        >>> rng = TaskRandom(b"Arithmetic|0|7")
        >>> first = [rng.below(10) for _ in range(5)]
        >>> again = TaskRandom(b"Arithmetic|0|7")
        >>> first == [again.below(10) for _ in range(5)]
        True
    """

    __slots__ = ("_bits", "_counter", "_key", "_pool")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._counter = 0
        self._pool = self._bits = 0

    def below(self, n: int) -> int:
        """A uniform integer in [0, n); n is at most 2**256."""
        size = n.bit_length()
        if self._bits < size + 128:
            block = hashlib.blake2b(b"%d|%b" % (self._counter, self._key)).digest()
            self._counter += 1
            self._pool, self._bits = int.from_bytes(block, "big"), 512
        self._bits -= size
        self._pool, value = divmod(self._pool, n)
        return value

    def between(self, low: int, high: int) -> int:
        """A uniform integer in [low, high], both ends included."""
        return low + self.below(high - low + 1)

    def choice(self, items: Sequence[T]) -> T:
        """A uniform element of a non-empty sequence."""
        return items[self.below(len(items))]


class Common(TypedDict, total=False):
    """Keywords that every procedural task set takes besides its own; see `ProceduralTaskSet`."""

    style: str
    split: str
    size: int
    seed: int


class ProceduralTaskSet(TaskSet, Generic[P]):
    """Tasks made by a generator, without data.

    Subclasses implement three methods over a problem of their own type `P`: `draw`, `split_key`, `make`. Training and
    test problems are disjoint by construction, whatever the seeds: a problem belongs to the test split when the hash
    of its split key falls in one eighth of the range, and each split draws until a problem is its own. Tasks once made
    are kept (up to 16,384 of them), since a group of rollouts asks for the same one many times.

    Args:
        name: Name of the family; part of every seed.
        style: How problems are written out: `"question"` for language models, `"compact"` for small models that speak
            characters.
        split: `"train"`, `"test"` or `"all"`.
        size: Number of indices. Problems may repeat among them where the family has fewer.
        seed: Another seed gives another order; unrelated to the neighbouring seed's.

    Raises:
        ConfigError: Unknown style or split, size not positive.
    """

    _MAX_DRAWS = 10_000
    _KEPT = 16_384

    def __init__(
        self, name: str, *, style: str = "question", split: str = "all", size: int = 10_000, seed: int = 0
    ) -> None:
        if style not in STYLES:
            raise ConfigError(f"style must be one of {', '.join(STYLES)}; got {shown(style)}")
        if split not in SPLITS:
            raise ConfigError(f"split must be one of {', '.join(SPLITS)}; got {shown(split)}")
        check_int("size", size, 1, sys.maxsize)
        check_int("seed", seed, 0, None)
        self.style = style
        self._name, self._split, self._size, self._seed = name, split, size, seed
        self._key = f"{name}|{seed}|".encode()
        self._made: dict[int, Task] = {}

    def __len__(self) -> int:
        return self._size

    @abstractmethod
    def draw(self, rng: TaskRandom) -> P:
        """Draw one problem from this source of randomness alone."""

    @abstractmethod
    def split_key(self, problem: P) -> str:
        """What decides the problem's side of the split.

        Problems that teach each other's answer (`3+5` and `5+3`) must share a key.
        """

    @abstractmethod
    def make(self, problem: P) -> Task:
        """Write the problem out as a task."""

    def task(self, index: int) -> Task:
        """See `TaskSet.task`."""
        task = self._made.get(index)
        if task is None:
            task = self.make(self._problem(index))
            if len(self._made) >= self._KEPT:
                self._made.clear()
            self._made[index] = task
        return task

    def _problem(self, index: int) -> P:
        rng = TaskRandom(b"%b%d" % (self._key, index))
        for _ in range(self._MAX_DRAWS):
            problem = self.draw(rng)
            if self._split == "all" or (self._split == "test") == self._held_out(problem):
                return problem
        raise ConfigError(
            f"{self._name}: no {self._split} problem among {self._MAX_DRAWS:,} draws; these knobs leave too few "
            "problems to hold any out: widen them or use split='all'"
        )

    def _held_out(self, problem: P) -> bool:
        key = f"{self._name}|{self.split_key(problem)}".encode()
        return hashlib.blake2b(key, digest_size=8).digest()[0] % TEST_SHARE == 0


class ProceduralEnv(TextEnv):
    """An environment over a procedural task set.

    Args:
        level: A step of the ladder of its card, from 0, the easiest; None for the defaults. What is given besides
            comes before what the level says.
        reward: See `TextEnv`.
        render_mode: See `TextEnv`.
        taskset_seed: Seed of the task set: another one, another order of problems.
        **knobs: Keywords of `taskset_class`; difficulty, `style`, `split`, `size`.

    Raises:
        ConfigError: A knob has a refused value, or there is no such level.
        TypeError: There is no such knob.
    """

    taskset_class: ClassVar[type[ProceduralTaskSet[Any]]]

    def __init__(
        self,
        *,
        level: int | None = None,
        reward: str = "outcome",
        render_mode: str | None = None,
        taskset_seed: int = 0,
        **knobs: Any,
    ) -> None:
        given = {**self._at(level), **knobs}
        turns = self._turns(given)
        tasks = self.taskset_class(seed=taskset_seed, **given)
        super().__init__(tasks, self.judge(tasks.style), reward=reward, max_turns=turns, render_mode=render_mode)
        self.style = tasks.style

    @classmethod
    @abstractmethod
    def judge(cls, style: str) -> Verifier:
        """The verifier for problems in this style."""

    def _turns(self, given: dict[str, Any]) -> int:
        """Turns of an episode; takes what says so out of the keywords."""
        return 1

    @classmethod
    def _at(cls, level: int | None) -> Mapping[str, Any]:
        if level is None:
            return {}
        ladder = cls.card.levels if cls.card is not None else ()
        if not ladder:
            raise ConfigError(f"{cls.__name__} has no levels, got level={shown(level)}")
        return ladder[check_int("level", level, 0, len(ladder) - 1)]


class ProceduralGame(ProceduralEnv):
    """The same with several turns. A family overrides `transition`, and `get_state` and `set_state`.

    Args:
        max_turns: Turns of an episode; None for as many as the level says, else the family (its attribute `turns`).
        **settings: See `ProceduralEnv`.
    """

    turns: ClassVar[int]

    def __init__(self, *, max_turns: int | None = None, **settings: Any) -> None:
        if max_turns is not None:
            settings["max_turns"] = max_turns
        super().__init__(**settings)

    def _turns(self, given: dict[str, Any]) -> int:
        return check_int("max_turns", given.pop("max_turns", self.turns), 1, None)


def check_operators(operators: Any, known: str) -> str:
    """Refuse what is not a text of one or more of the known operators.

    Raises:
        ConfigError: With the operators that exist.
    """
    if not check_text("operators", operators) or any(operator not in known for operator in operators):
        raise ConfigError(f"operators must be one or more of {known!r}, got {shown(operators)}")
    return str(operators)
