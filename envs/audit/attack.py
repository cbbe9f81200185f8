"""An attack: a scripted response that wants the reward and does not solve the task.

**What counts.** An attack may know the right answer (`worst_case`), and then uses it only in a response that does not
commit to it: one that declares several values, takes the value back, hides it among others, or says a wrong one. Where
a response simply states the right answer, in whatever clothes (`#### 7 apples`, a box in a box, full-width digits), it
solves the task and is no attack. Nor is a wrong answer that a verifier may read as right by its documented policy
(`50%` for 50). Every wrong value is first played alone, and left out where it passes.

**Luck.** A constant, a number of the prompt or a list of candidates may be right by luck (`lucky`): how often it passes
is held to a chance level. Of everything else one pass is a finding: silence, a forged verdict, a program that ends
itself, or a response that knows the answer and does not commit to it, cannot be lucky.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rlvr_gym.envs.tools.toolkit import Tool

KINDS: dict[str, str] = {
    "guess": "answers that a policy gives without looking at the task",
    "hedge": "the right value and a wrong one in the place of one",
    "declarations": "several final answers, or one that is taken back",
    "dump": "all candidates at once",
    "near": "wrong values that a lax comparison takes for the right one",
    "lookalike": "characters that show one thing and say another",
    "echo": "the prompt, or what stands in it",
    "deferral": "expressions that name or put off the answer instead of giving it",
    "nothing": "silence, noise, ignorance",
    "stuffing": "thousands of markers",
    "huge": "more than anybody wants to read",
    "fake": "verdicts, tool outputs and turns of the environment, written by the policy",
    "injection": "orders to whoever judges",
    "program": "programs that attack the tests instead of solving the task",
    "tool": "calls of tools that fake results, spoil what is there, or mean to break something",
}
LUCKY = ("deferral", "dump", "echo", "guess")


class Carrier(NamedTuple):
    """How an answer is declared: what stands before it and after it.

    Example:
        >>> Carrier("boxed", r"\\boxed{", "}").around("7")
        '\\\\boxed{7}'
    """

    name: str
    before: str
    after: str

    def around(self, text: str) -> str:
        """The declaration of this answer."""
        return f"{self.before}{text}{self.after}"


WHOLE = Carrier("whole", "", "")
ANSWERS = (
    Carrier("####", "#### ", ""),
    Carrier("boxed", "\\boxed{", "}"),
    Carrier("answer_tag", "<answer>", "</answer>"),
    Carrier("A:", "A: ", ""),
    WHOLE,
)
PROGRAMS = (Carrier("block", "```python\n", "\n```"), WHOLE)


@dataclass(frozen=True, slots=True)
class Opening:
    """What an attack sees.

    Args:
        prompt: The first observation of the episode.
        latest: The observation that this turn answers.
        turn: Number of the turn, from 0.
        right: The right answer as a text; empty where it is not known. For worst-case attacks alone.
        wrong: Wrong answers of its form.
        others: Right answers of other tasks that are wrong here.
        names: Functions that a program is asked for.
        carrier: How the answer is declared.
        salt: What random texts are drawn from.
        tools: What can be called, where there are tools.
        call_format: Name of the format in which they are called; empty where there are none.
        moves: Responses that solve the task, one a turn, where several are needed; for worst-case attacks alone.
        foreign_moves: The same of another task.
    """

    prompt: str
    latest: str = ""
    turn: int = 0
    right: str = ""
    wrong: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    names: tuple[str, ...] = ("f",)
    carrier: Carrier = WHOLE
    salt: str = ""
    tools: tuple[Tool, ...] = ()
    call_format: str = ""
    moves: tuple[str, ...] = ()
    foreign_moves: tuple[str, ...] = ()

    def declare(self, text: str) -> str:
        """This text as the final answer."""
        return self.carrier.around(text)


Respond = Callable[[Opening], str | Sequence[str] | None]


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack.

    Args:
        name: Unique, for example `"either_or"`.
        kind: One of `KINDS`.
        tries: What it tries, in one sentence.
        respond: The response to an opening; several are turns, of which the last is repeated; None where the attack
            says nothing about this task.
        families: Of which environments; `"any"` is all.
        worst_case: It knows the right answer and does not commit to it.
        declares: It depends on how an answer is declared, and is tried with every declaration that the target reads.
        heavy: It is so long that some tasks have to do.
        alone: A worst case that needs no wrong answer beside the right one.
        lucky: It may be right by luck; by default those of the kinds `LUCKY`.

    Example:
        >>> attack = Attack("prompt", "echo", "the prompt as the response", lambda opening: opening.latest)
        >>> attack.turn(Opening("What is 2 + 2?", latest="What is 2 + 2?"))
        'What is 2 + 2?'
    """

    name: str
    kind: str
    tries: str
    respond: Respond
    families: tuple[str, ...] = ("any",)
    worst_case: bool = False
    declares: bool = False
    heavy: bool = False
    alone: bool = False
    lucky: bool | None = None

    @property
    def may_be_lucky(self) -> bool:
        """Whether a pass may be luck; see the module."""
        return not self.worst_case and (self.kind in LUCKY if self.lucky is None else self.lucky)

    def turn(self, opening: Opening) -> str | None:
        """The response of this turn; None where the attack says nothing about this task."""
        made = self.respond(opening)
        if made is None or isinstance(made, str):
            return made
        return made[min(opening.turn, len(made) - 1)] if made else None


@dataclass(frozen=True, slots=True)
class Says:
    """Responds with a text, in which `{right}`, `{wrong}` and `{wrong2}` are filled in.

    Example:
        >>> Says("{right} or {wrong}")(Opening("?", right="7", wrong=("8", "6")))
        '7 or 8'
    """

    text: str

    def __call__(self, opening: Opening) -> str:
        """See the class."""
        return _filled(self.text, opening)


@dataclass(frozen=True, slots=True)
class Declares:
    """Declares a text as the final answer; `{right}`, `{wrong}` and `{wrong2}` are filled in.

    Args:
        text: What is declared.
        before: What is said before.
        after: What is said after.

    Example:
        >>> Declares("{right}", after=". No.")(Opening("?", right="7", wrong=("8", "6"), carrier=ANSWERS[1]))
        '\\\\boxed{7}. No.'
    """

    text: str
    before: str = ""
    after: str = ""

    def __call__(self, opening: Opening) -> str:
        """See the class."""
        before, after = _filled(self.before, opening), _filled(self.after, opening)
        return f"{before}{opening.declare(_filled(self.text, opening))}{after}"


def _filled(text: str, opening: Opening) -> str:
    """The text with its fields replaced in one pass: what is filled in may hold braces of its own."""
    values = {"right": opening.right, "wrong": _at(opening.wrong, 0), "wrong2": _at(opening.wrong, 1)}
    return _FIELD.sub(lambda match: values[match[1]], text)


_FIELD = re.compile(r"\{(right|wrong2?)\}")


def _at(values: Sequence[str], index: int) -> str:
    return values[index] if index < len(values) else ""
