"""`rlvr/DateArithmetic-v0`: go from day to day in the calendar, and say something of the day that is reached."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.structured.date_steps import ASKS, KINDS, Values
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.errors import shown


class Step(NamedTuple):
    """A kind of step, or of question, by its name, and its values."""

    kind: str
    values: Values


class Problem(NamedTuple):
    """A first day, steps from there, the day that is reached, and what is asked about it."""

    start: date
    steps: list[Step]
    end: date
    ask: Step


class DateArithmeticTaskSet(ProceduralTaskSet[Problem]):
    """Days, steps and questions, in the Gregorian calendar. Without any one of the steps another day is reached.

    Args:
        steps: How many steps, 1 to 10.
        days: Largest number of days of one step, 20 to 2,000.
        first: First year, 1600 to 2400; walks begin up to `years` years later.
        years: How many years there are to begin in, 1 to 400.
        ask: One of `date`, `weekday`, `week`, `day_of_year`, `days`, `working_days`, `overlap`; `"mixed"` for a date
            in every third task and each of the others as often as any.
        **common: See `ProceduralTaskSet`; compact problems look like `2031-03-17:+d45,>w1:date=`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        steps: int = 2,
        days: int = 200,
        first: int = 1950,
        years: int = 100,
        ask: str = "mixed",
        **common: Unpack[Common],
    ) -> None:
        self._steps = check_int("steps", steps, 1, 10)
        self._days = check_int("days", days, 20, 2_000)
        self._first = check_int("first", first, 1600, 2400)
        self._years = check_int("years", years, 1, 400)
        if ask != "mixed" and ask not in ASKS:
            raise ConfigError(f"ask must be one of mixed, {', '.join(ASKS)}; got {shown(ask)}")
        super().__init__("DateArithmetic", **common)
        self._ask = ask
        self._difficulty = {"steps": steps, "days": days}

    def draw(self, rng: TaskRandom) -> Problem:
        """See `ProceduralTaskSet.draw`."""
        for _ in range(self._MAX_DRAWS):
            start = date(self._first, 1, 1) + timedelta(rng.below(365 * self._years))
            steps = _walk(rng, self._steps, self._days)
            end = _end(start, steps)
            if all(_end(start, steps[:left] + steps[left + 1 :]) != end for left in range(len(steps))):
                break
        else:
            raise ConfigError(f"DateArithmetic: no {self._steps} steps in {self._MAX_DRAWS:,} draws; take more days")
        ask = self._ask if self._ask != "mixed" else "date" if rng.below(3) == 0 else rng.choice(list(ASKS)[1:])
        return Problem(start, steps, end, Step(ask, ASKS[ask].draw(rng, self._days)))

    def split_key(self, problem: Problem) -> str:
        """The walk, whatever is asked at its end."""
        return f"{problem.start}{_short_steps(problem)}"

    def make(self, problem: Problem) -> Task:
        """See `ProceduralTaskSet.make`."""
        ask = ASKS[problem.ask.kind]
        reference = ask.answer(problem.end, *problem.ask.values)
        answer = str(next(iter(reference.values())))
        difficulty: dict[str, Any] = {**self._difficulty, "ask": problem.ask.kind}
        if self.style == "compact":
            others = "".join(f",{problem.end + timedelta(days)}" for days in problem.ask.values)
            if problem.ask.kind == "overlap":
                others = f",{problem.ask.values[0]}" + others[11:]
            prompt = f"{problem.start}:{_short_steps(problem)}:{ask.short}{others}="
            return Task.create(prompt, {"reference": reference, "solution": answer}, difficulty=difficulty)
        steps = "\n".join(
            [f"{place}. {KINDS[step.kind].words(*step.values)}" for place, step in enumerate(problem.steps, start=1)]
        )
        prompt = (
            f"In the Gregorian calendar start on {problem.start} (year-month-day) and take these steps, one after the "
            f"other:\n{steps}\n{ask.words(problem.end, *problem.ask.values)}\n"
            "Give the answer alone as <answer>...</answer>."
        )
        solution = f"<answer>{answer}</answer>"
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=difficulty)


class DateArithmeticEnv(ProceduralEnv):
    """Compute with days of the calendar; verified with `date@1`. Knobs: those of `DateArithmeticTaskSet`.

    Example:
        >>> env = DateArithmeticEnv(style="compact", ask="date")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> obs
        '2041-03-27:+m23,@4.6:date='
        >>> env.step(env.task.solution)[4]["passed"]
        True
    """

    card = Card(
        family="structured",
        answer_format="A date, a day of the week, an ISO week or a number in `<answer>` tags, a box or after `####`; "
        "that alone in style=compact.",
        licence=GENERATED,
        chance=0.06,
        chance_reason="who takes the last step alone is right in 5.6 % of 3,000 default tasks, who takes none in "
        "2.4 %; the most frequent answer, a day of the week, is right in 2.0 %",
        distinct=10**8,
        levels=(
            {"steps": 1, "days": 30, "years": 50},
            {"steps": 1},
            {"steps": 2},
            {"steps": 3, "days": 400},
            {"steps": 5, "days": 400},
            {"steps": 8, "days": 1_000, "first": 1700, "years": 400},
        ),
    )

    taskset_class = DateArithmeticTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("date@1", **compact_markers(style))


def _walk(rng: TaskRandom, count: int, days: int) -> list[Step]:
    """Steps of which none is of the kind before. What leads to the same day from many days can only be the first."""
    steps: list[Step] = []
    names = list(KINDS)
    while len(steps) < count:
        kind = rng.choice(names)
        if steps and kind in (steps[-1].kind, "leap_day"):
            continue
        steps.append(Step(kind, KINDS[kind].draw(rng, days)))
    return steps


def _end(day: date, steps: list[Step]) -> date:
    for step in steps:
        day = KINDS[step.kind].apply(day, *step.values)
    return day


def _short_steps(problem: Problem) -> str:
    return ",".join([KINDS[step.kind].short + ".".join(map(str, step.values)) for step in problem.steps])
