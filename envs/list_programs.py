"""Functions over lists of integers, made of steps: run here, printed as Python, said in English, changed a little."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from rlvr_gym.envs.list_steps import MAPPINGS, NUMBERS, PREDICATES, STEPS, TOTALS, Ints, Part, Shape
from rlvr_gym.envs.procedural import TaskRandom

SHAPES = {**STEPS, **TOTALS}
# Shapes that take a predicate or a mapping stand for many functions each, and are drawn five times as often.
_MANY = [name for name, shape in STEPS.items() if "{p}" in shape.source or "{m}" in shape.source]
DRAWN = [*STEPS, *(_MANY * 4)]


class Chosen(NamedTuple):
    """An entry of a table, and its number where it has one."""

    name: str = ""
    number: int = 0


class Step(NamedTuple):
    """A shape with its predicate and its mapping, empty where it takes none."""

    shape: Chosen
    predicate: Chosen = Chosen()
    mapping: Chosen = Chosen()


@dataclass(frozen=True)
class ListProgram:
    """Steps, one after the other; only the last may be one of `TOTALS`.

    Example:
        >>> program = ListProgram((Step(Chosen("keep"), Chosen("greater", 2)), Step(Chosen("sort"))))
        >>> program([5, 1, 3])
        [3, 5]
        >>> print(program.source)
        def f(x):
            x = [v for v in x if v > 2]
            return sorted(x)
        >>> program.one_line
        'f=lambda x:(lambda x:sorted(x))([v for v in x if v > 2])'
        >>> program.words
        ['keep only the values that are greater than 2', 'sort in ascending order']
    """

    steps: tuple[Step, ...]

    def __call__(self, x: Ints) -> Any:
        """What the function answers."""
        for run in self._runs:
            x = run(x)
        return x

    @cached_property
    def _runs(self) -> list[Callable[[Ints], Any]]:
        return [_runner(step) for step in self.steps]

    @property
    def source(self) -> str:
        """As a Python function."""
        *before, last = [_filled(step, "source") for step in self.steps]
        return "def f(x):\n" + "".join(f"    x = {line}\n" for line in before) + f"    return {last}"

    @property
    def one_line(self) -> str:
        """As one line of Python."""
        first, *rest = [_filled(step, "source") for step in self.steps]
        for text in rest:
            first = f"(lambda x:{text})({first})"
        return f"f=lambda x:{first}"

    @property
    def words(self) -> list[str]:
        """One English sentence a step, without capital and full stop."""
        return [_filled(step, "words") for step in self.steps]

    def without(self, index: int) -> ListProgram:
        """The same without one step."""
        return ListProgram(self.steps[:index] + self.steps[index + 1 :])

    def mutants(self) -> Iterator[ListProgram]:
        """All programs that differ by little: a step dropped, two neighbours swapped, a number changed by one."""
        steps = self.steps
        if len(steps) > 1:
            yield from (self.without(i) for i in range(len(steps)))
        for i in range(len(steps) - 1):
            if steps[i] != steps[i + 1] and steps[i + 1].shape.name in STEPS:
                yield ListProgram((*steps[:i], steps[i + 1], steps[i], *steps[i + 2 :]))
        for i, step in enumerate(steps):
            yield from (ListProgram((*steps[:i], other, *steps[i + 1 :])) for other in _neighbours(step))


def draw_program(rng: TaskRandom, depth: int, half: int) -> ListProgram:
    """Draw `depth` steps, in one of four cases the last of them one of `TOTALS`.

    Args:
        rng: Source of randomness.
        depth: Number of steps.
        half: Thresholds are drawn from -half to half.
    """
    names = [rng.choice(DRAWN) for _ in range(depth)]
    if rng.below(4) == 0:
        names[-1] = rng.choice(list(TOTALS))
    return ListProgram(tuple(_draw_step(rng, name, half) for name in names))


def _draw_step(rng: TaskRandom, name: str, half: int) -> Step:
    shape = SHAPES[name]
    number = _draw_number(rng, shape.number, half)
    drawn = []
    for mark, table in (("{p}", PREDICATES), ("{m}", MAPPINGS)):
        if mark in shape.source:
            part = rng.choice(list(table))
            drawn.append(Chosen(part, _draw_number(rng, table[part].number, half)))
        else:
            drawn.append(Chosen())
    return Step(Chosen(name, number), *drawn)


def _draw_number(rng: TaskRandom, domain: str, half: int) -> int:
    if not domain:
        return 0
    low, high = (-half, half) if domain == "threshold" else NUMBERS[domain]
    return rng.between(low, high)


def _parts(step: Step) -> tuple[Shape, Part | None, Part | None]:
    return SHAPES[step.shape.name], PREDICATES.get(step.predicate.name), MAPPINGS.get(step.mapping.name)


def _runner(step: Step) -> Callable[[Ints], Any]:
    shape, predicate, mapping = _parts(step)
    run, number = shape.run, step.shape.number
    p, m = _bound(predicate, step.predicate.number), _bound(mapping, step.mapping.number)
    return lambda x: run(x, p, m, number)


def _bound(part: Part | None, number: int) -> Callable[[int], Any]:
    if part is None:
        return bool  # never called
    run = part.run
    return lambda v: run(v, number)


def _filled(step: Step, column: str) -> str:
    """The source or the words of a step with everything in its places."""
    texts = [
        getattr(part, column).format(n=chosen.number) if part is not None else ""
        for part, chosen in zip(_parts(step)[1:], step[1:], strict=True)
    ]
    text: str = getattr(SHAPES[step.shape.name], column)
    return text.format(p=texts[0], m=texts[1], n=step.shape.number)


def _neighbours(step: Step) -> Iterator[Step]:
    """The same step with one of its numbers changed by one; only thresholds go below 1."""
    for field, part in zip(Step._fields, _parts(step), strict=True):
        chosen: Chosen = getattr(step, field)
        if part is None or not part.number:
            continue
        for number in (chosen.number - 1, chosen.number + 1):
            if number >= 1 or part.number == "threshold":
                yield step._replace(**{field: Chosen(chosen.name, number)})
