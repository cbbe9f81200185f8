"""`rlvr/MultipleChoice-v0`: questions with shuffled options whose answers can be computed.

Each kind of question is a statement and two generators: of things for which it holds, and of things for which it does
not, near misses. So the same kinds serve for one right option and for all right options.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.structured.kinds import MONTHS
from rlvr_gym.envs.structured.scenarios import SCENARIOS
from rlvr_gym.envs.task import Task, check_int, content_hash
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.errors import shown

LABELS = "ABCDEFGH"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WORDS = tuple(sorted(SCENARIOS[0].rows.names))
_UNITS = (("mm", 1), ("cm", 10), ("m", 1000), ("km", 1_000_000))


class Statement(NamedTuple):
    """A statement about things, and how to draw things for which it holds or does not.

    Args:
        about: What the things are.
        says: What holds of the right ones.
        draw: Draws a thing, given whether it holds of it.
    """

    about: str
    says: str
    draw: Callable[[TaskRandom, bool], str]


class Question(NamedTuple):
    """A question: what is asked, the options in their order, and the places of the right ones."""

    about: str
    says: str
    options: tuple[str, ...]
    right: tuple[int, ...]


class MultipleChoiceTaskSet(ProceduralTaskSet[tuple[Question, ...]]):
    """Questions on divisibility, sums, fractions, lengths, dates, times, the alphabet and anagrams.

    Args:
        options: How many options a question has, 2 to 8.
        questions: How many questions a task has, 1 to 10; all must be answered rightly.
        multiple: Whether all right options are asked for, one or more but not all, instead of the only right one; of
            one question.
        **common: See `ProceduralTaskSet`; compact problems look like `divisible by 7?A 12,B 21,C 30:`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self, *, options: int = 5, questions: int = 2, multiple: bool = False, **common: Unpack[Common]
    ) -> None:
        self._options = check_int("options", options, 2, len(LABELS))
        self._questions = check_int("questions", questions, 1, 10)
        if not isinstance(multiple, bool) or (multiple and questions > 1):
            raise ConfigError(f"multiple must be true or false, and true for questions=1 alone; got {shown(multiple)}")
        self._multiple = multiple
        super().__init__("MultipleChoice", **common)
        self._difficulty = {"options": options, "questions": questions, "multiple": multiple}

    def draw(self, rng: TaskRandom) -> tuple[Question, ...]:
        """See `ProceduralTaskSet.draw`."""
        return tuple(self._question(rng) for _ in range(self._questions))

    def split_key(self, problem: tuple[Question, ...]) -> str:
        """See `ProceduralTaskSet.split_key`; the order of questions and options says nothing."""
        return content_hash(sorted([each.about, each.says, *sorted(each.options)] for each in problem))

    def make(self, problem: tuple[Question, ...]) -> Task:
        """See `ProceduralTaskSet.make`."""
        letters = ["".join(LABELS[place] for place in each.right) for each in problem]
        if self.style == "compact":
            prompt, solution = f"{'/'.join(map(_short, problem))}:", "".join(letters)
        else:
            prompt, solution = self._asked(problem), self._answered(letters)
        questions = [
            {"options": list(each.options), "answer": list(each_letters) if self._multiple else each_letters}
            for each, each_letters in zip(problem, letters, strict=True)
        ]
        reference = questions[0] if len(questions) == 1 else {"questions": questions}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=self._difficulty)

    def _question(self, rng: TaskRandom) -> Question:
        statement = rng.choice(KINDS)(rng)
        count = rng.between(1, self._options - 1) if self._multiple else 1
        places = list(range(self._options))
        right = sorted(places.pop(rng.below(len(places))) for _ in range(count))
        options: list[str] = []
        while len(options) < self._options:
            option = statement.draw(rng, len(options) in right)
            if option not in options:
                options.append(option)
        return Question(statement.about, statement.says, tuple(options), tuple(right))

    def _asked(self, problem: tuple[Question, ...]) -> str:
        which = "Which of these {} {}? There may be several." if self._multiple else "Which one of these {} {}?"
        texts = []
        for number, each in enumerate(problem, 1):
            lines = [f"{LABELS[place]}) {option}" for place, option in enumerate(each.options)]
            head = f"{number}. " if len(problem) > 1 else ""
            texts.append("\n".join((head + which.format(each.about, each.says), *lines)))
        if len(problem) > 1:
            form = "Give one letter for each question, as in <answer>1: letter, 2: letter</answer>."
        elif self._multiple:
            form = "Give all right letters as <answer>letter, letter</answer>."
        else:
            form = "Give the letter as <answer>letter</answer>."
        return "\n\n".join((*texts, form))

    def _answered(self, letters: list[str]) -> str:
        if len(letters) > 1:
            said = ", ".join(f"{number}: {letter}" for number, letter in enumerate(letters, 1))
        else:
            said = ", ".join(letters[0])
        return f"<answer>{said}</answer>"


class MultipleChoiceEnv(ProceduralEnv):
    """Choose the right option of each question; verified with `choice@1`. Knobs: those of `MultipleChoiceTaskSet`.

    Questions of your own: `rlvr/Dataset-v0` with `verifier="choice@1"` and a column of references such as
    `{"options": ["7 cm", "8 m"], "answer": "B"}`.

    Example:
        >>> env = MultipleChoiceEnv(options=3, questions=1, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> obs
        'larger than 5/8?A 8/10,B 4/9,C 12/21:'
        >>> env.step("A")[4]["passed"]
        True
    """

    card = Card(
        family="structured",
        answer_format="A letter, several, or one for each question (`1: B, 2: D`) in `<answer>` tags, a box or after "
        "`####`; letters alone in style=compact.",
        licence=GENERATED,
        chance=0.05,
        chance_reason="the best of the 25 constants is right in 4.6 % of 4,000 default tasks (1 in options to the "
        "power of questions); with multiple=True the best set is right in 5.5 %, with questions=1 a guess in 1 of 5",
        distinct=10**12,
        levels=(
            {"options": 3, "questions": 1},
            {"options": 4, "questions": 2},
            {"options": 5, "questions": 2},
            {"options": 6, "questions": 4},
            {"options": 8, "questions": 6},
            {"options": 8, "questions": 10},
        ),
    )

    taskset_class = MultipleChoiceTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("choice@1", **compact_markers(style))


def _short(question: Question) -> str:
    options = ",".join(f"{LABELS[place]} {option}" for place, option in enumerate(question.options))
    return f"{question.says.removeprefix('is ')}?{options}"


def _divisible(rng: TaskRandom) -> Statement:
    by = rng.choice((3, 4, 6, 7, 8, 9, 11, 12, 13))

    def draw(rng: TaskRandom, holds: bool) -> str:
        return str(by * rng.between(10, 99) + (0 if holds else rng.between(1, by - 1)))

    return Statement("numbers", f"is divisible by {by}", draw)


def _equal_to(rng: TaskRandom) -> Statement:
    value = rng.between(60, 300)

    def draw(rng: TaskRandom, holds: bool) -> str:
        one, other = rng.between(3, 12), rng.between(3, 12)
        rest = value - one * other + (0 if holds else rng.choice((-10, -9, -6, -4, -3, -2, -1, 1, 2, 3, 4, 6, 9, 10)))
        return f"{one} * {other} {'+' if rest >= 0 else '-'} {abs(rest)}"

    return Statement("expressions", f"is equal to {value}", draw)


def _larger_fraction(rng: TaskRandom) -> Statement:
    below = rng.between(5, 19)
    above = rng.between(2, below - 2)

    def draw(rng: TaskRandom, holds: bool) -> str:
        while True:
            under = rng.between(4, 30)
            over = under * above // below + rng.between(-1, 2)
            if 0 < over < under and over * below != under * above and (over * below > under * above) is holds:
                return f"{over}/{under}"

    return Statement("fractions", f"is larger than {above}/{below}", draw)


def _longer(rng: TaskRandom) -> Statement:
    limit = rng.between(20, 900) * rng.choice((10, 1000, 10_000))

    def draw(rng: TaskRandom, holds: bool) -> str:
        share = rng.between(103, 300) if holds else rng.between(30, 97)
        return _length(rng, limit * share // 100)

    return Statement("lengths", f"is longer than {_length(rng, limit)}", draw)


def _length(rng: TaskRandom, millimetres: int) -> str:
    """A length in a unit in which it has at most 6 digits before the point and 6 after it."""
    fitting = [(name, size) for name, size in _UNITS if size <= millimetres * 100 and millimetres < size * 1_000_000]
    name, size = rng.choice(fitting)
    whole, rest = divmod(millimetres, size)
    digits = str(size + rest)[1:].rstrip("0")
    return f"{whole}{f'.{digits}' if digits else ''} {name}"


def _weekday(rng: TaskRandom) -> Statement:
    wanted = rng.below(7)

    def draw(rng: TaskRandom, holds: bool) -> str:
        day = datetime.date(2015, 1, 5) + datetime.timedelta(7 * rng.below(900) + wanted)  # a Monday, and days on
        day += datetime.timedelta(0 if holds else rng.between(1, 6))
        return f"{day.day} {MONTHS[day.month - 1]} {day.year}"

    return Statement("dates", f"is a {DAYS[wanted]}", draw)


def _within(rng: TaskRandom) -> Statement:
    start, minutes = rng.between(60, 600), rng.between(50, 400)

    def draw(rng: TaskRandom, holds: bool) -> str:
        after = minutes - rng.between(1, 40) if holds else minutes + rng.between(1, 40)
        return _time(start + after)

    return Statement("times of one day", f"is less than {minutes} minutes after {_time(start)}", draw)


def _time(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _before(rng: TaskRandom) -> Statement:
    place = rng.between(9, len(WORDS) - 10)

    def draw(rng: TaskRandom, holds: bool) -> str:
        return rng.choice(WORDS[:place] if holds else WORDS[place + 1 :])

    return Statement("words", f"stands before '{WORDS[place]}' in a dictionary", draw)


def _anagram(rng: TaskRandom) -> Statement:
    word = rng.choice([word for word in WORDS if len(set(word)) > 4])

    def draw(rng: TaskRandom, holds: bool) -> str:
        letters = list(word)
        if not holds:
            place = rng.below(len(letters))
            letters[place] = rng.choice([letter for letter in sorted(set(word)) if letter != letters[place]])
        while (found := _shuffled(rng, letters)) == word:
            pass
        return found

    return Statement("words", f"has the letters of '{word}' in another order", draw)


def _shuffled(rng: TaskRandom, letters: list[str]) -> str:
    rest = list(letters)
    return "".join(rest.pop(rng.below(len(rest))) for _ in letters)


KINDS = (_divisible, _equal_to, _larger_fraction, _longer, _weekday, _within, _before, _anagram)
