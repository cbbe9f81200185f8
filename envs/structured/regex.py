"""`rlvr/Regex-v0`: a regular expression for a language that is described in words.

A language is either what meets several conditions at once, or what is made of parts in an order. Whether an answer is
right is decided by `regex@1`, which compares automata; any expression of the language will do.
"""

from __future__ import annotations

from itertools import permutations
from typing import NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.structured.regex_conditions import automaton_of, draw_conditions, words_of
from rlvr_gym.envs.structured.regex_writing import expression_of
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.manufactoria import Automaton
from rlvr_gym.verifiers.structured.regex import Machine, machine_of

FORMS = ("mixed", "conditions", "parts")
MAX_GOLD_CHARS = 120
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LONGEST_EXAMPLE = 7
_DIALECT = (
    "Use literals, `.` for any symbol, classes such as `[ab]`, `[a-c]` and `[^a]`, groups, `|`, `*`, `+`, `?`, `{m}`, "
    "`{m,}` and `{m,n}`. Give it as <answer>expression</answer>."
)
_TIMES = {"": "", "*": ", zero or more times", "+": ", one or more times", "?": ", or nothing in its place"}


class Language(NamedTuple):
    """What is asked for.

    Args:
        alphabet: Its symbols.
        clauses: Conditions, or parts in their order, in words.
        form: `"conditions"` or `"parts"`.
        regex: An expression for it.
        examples: Words that belong to it and words that do not.
    """

    alphabet: str
    clauses: list[str]
    form: str
    regex: str
    examples: tuple[list[str], list[str]]


class RegexTaskSet(ProceduralTaskSet[Language]):
    """Regular languages in words. Languages that differ by their letters alone fall on the same side of the split.

    Args:
        conditions: How many conditions hold at once, 1 to 4; a language of parts has two parts more.
        symbols: Letters of the alphabet, 2 to 5.
        form: `"conditions"`, `"parts"`, or `"mixed"`, where each is drawn as often as the other.
        examples: How many words of either kind are shown, 0 to 10.
        **common: See `ProceduralTaskSet`; compact problems end with `=`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        conditions: int = 2,
        symbols: int = 2,
        form: str = "mixed",
        examples: int = 3,
        **common: Unpack[Common],
    ) -> None:
        self._conditions = check_int("conditions", conditions, 1, 4)
        self._symbols = check_int("symbols", symbols, 2, 5)
        self._examples = check_int("examples", examples, 0, 10)
        if form not in FORMS:
            raise ConfigError(f"form must be one of {', '.join(FORMS)}; got {shown(form)}")
        super().__init__("Regex", **common)
        self._form = form
        self._difficulty = {"conditions": conditions, "symbols": symbols}

    def draw(self, rng: TaskRandom) -> Language:
        """See `ProceduralTaskSet.draw`."""
        left = list(_LETTERS)
        alphabet = "".join(sorted(left.pop(rng.below(len(left))) for _ in range(self._symbols)))
        form = self._form if self._form != "mixed" else rng.choice(FORMS[1:])
        for _ in range(self._MAX_DRAWS):
            clauses, regex = (_of_conditions if form == "conditions" else _of_parts)(rng, alphabet, self._conditions)
            if regex:
                return Language(alphabet, clauses, form, regex, _examples(rng, alphabet, regex, self._examples))
        raise ConfigError(f"Regex: no language of {self._conditions} conditions in {self._MAX_DRAWS:,} draws")

    def split_key(self, problem: Language) -> str:
        """The minimal automaton, with its letters in the order that makes its table smallest."""
        machine = machine_of(problem.regex, problem.alphabet)
        tables = [_table(machine.moves, machine.accepting, order) for order in permutations(range(self._symbols))]
        return str(min(tables))

    def make(self, problem: Language) -> Task:
        """See `ProceduralTaskSet.make`."""
        compact = self.style == "compact"
        prompt = _compact(problem) if compact else _question(problem)
        solution = problem.regex if compact else f"<answer>{problem.regex}</answer>"
        reference = {"alphabet": problem.alphabet, "regex": problem.regex}
        difficulty = {**self._difficulty, "form": problem.form, "length": len(problem.regex)}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=difficulty)


class RegexEnv(ProceduralEnv):
    """Write a regular expression for a language; verified with `regex@1` by the equivalence of automata.

    Knobs: those of `RegexTaskSet`. The reward `"dense"` pays for the balanced share of short words that are judged
    rightly, above what matching everything or nothing gets.

    Example:
        >>> env = RegexEnv(conditions=1, form="conditions", examples=0)
        >>> obs, info = env.reset(options={"task_index": 3})
        >>> print(obs.partition("\\n")[0])
        Words are made of the letters n, y. A word belongs to the language if directly after each `y` comes a `n`.
        >>> env.step("<answer>(n*(yn)?)*</answer>")[4]["passed"]
        True
    """

    card = Card(
        family="structured",
        answer_format="A regular expression in `<answer>` tags, a box or after `####`; the expression alone in "
        "style=compact.",
        licence=GENERATED,
        chance=0.02,
        chance_reason="the most frequent language is asked for in 1.0 % of 3,000 default tasks, its letters set in; "
        "the best of 11 constant expressions, `.+`, is right in 0.8 %, and a list of the shown words in 0.3 %",
        distinct=10**6,
        levels=(
            {"conditions": 1, "symbols": 2, "form": "parts"},
            {"conditions": 1, "symbols": 2},
            {"conditions": 2, "symbols": 2},
            {"conditions": 2, "symbols": 3, "form": "conditions"},
            {"conditions": 3, "symbols": 3, "form": "conditions"},
            {"conditions": 4, "symbols": 3, "form": "conditions", "examples": 0},
        ),
    )

    taskset_class = RegexTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("regex@1", **compact_markers(style))


def _of_conditions(rng: TaskRandom, alphabet: str, count: int) -> tuple[list[str], str]:
    """Conditions of which none follows from the others; no expression where they are of no use."""
    conditions = draw_conditions(rng, alphabet, count)
    automaton = automaton_of(conditions, alphabet)
    if _is_dull(automaton):
        return [], ""
    if count > 1 and any(
        automaton_of([*conditions[:left], *conditions[left + 1 :]], alphabet) == automaton for left in range(count)
    ):
        return [], ""
    regex = expression_of(automaton) or ""
    return [words_of(condition) for condition in conditions], regex if len(regex) <= MAX_GOLD_CHARS else ""


def _is_dull(automaton: Automaton) -> bool:
    """Fewer than three states, or so few words that they could be listed: none of more than two symbols."""
    if len(automaton.moves) < 3:
        return True
    states = {0}
    for _ in range(3):
        states = {there for state in states for there in automaton.moves[state]}
    return all(automaton.settled(state) and automaton.marks[state].value == "reject" for state in states)


def _of_parts(rng: TaskRandom, alphabet: str, count: int) -> tuple[list[str], str]:
    """Parts in an order, at least one of them repeated without end."""
    parts = [_part(rng, alphabet) for _ in range(count + 2)]
    regex = "".join(part for part, _ in parts)
    machine = machine_of(regex, alphabet)
    useful = any(part[-1] in "*+" for part, _ in parts) and len(set(machine.accepting)) == 2
    return [words for _, words in parts], regex if useful and len(regex) <= MAX_GOLD_CHARS else ""


def _part(rng: TaskRandom, alphabet: str) -> tuple[str, str]:
    """A part as an expression and in words."""
    kind = rng.below(4)
    first, second = (_short_word(rng, alphabet) for _ in range(2))
    if kind < 2 or first == second:
        text, words = (first if len(first) == 1 else f"({first})"), f"`{first}`"
    elif kind == 2:
        text, words = f"({first}|{second})", f"`{first}` or `{second}`"
    else:
        text, words = ".", "any symbol"
    sign = rng.choice(("", "*", "+", "?", "{}"))
    if sign == "{}":
        low = rng.between(2, 3)
        high = low + rng.below(3)
        return f"{text}{{{low},{high}}}" if high > low else f"{text}{{{low}}}", (
            f"{words}, {low} to {high} times" if high > low else f"{words}, exactly {low} times"
        ) + _anew(words, "{}")
    return text + sign, words + _TIMES[sign] + _anew(words, sign)


def _anew(words: str, sign: str) -> str:
    return " (chosen anew each time)" if sign in ("*", "+", "{}") and (" or " in words or "any" in words) else ""


def _short_word(rng: TaskRandom, alphabet: str) -> str:
    return "".join(rng.choice(alphabet) for _ in range(rng.between(1, 2)))


def _examples(rng: TaskRandom, alphabet: str, regex: str, wanted: int) -> tuple[list[str], list[str]]:
    """Words that belong to the language and words that do not, as many of both as short random words give."""
    machine = machine_of(regex, alphabet)
    found: tuple[list[str], list[str]] = [], []
    for _ in range(10 * wanted):
        length = rng.between(1, _LONGEST_EXAMPLE)
        number, word, state = rng.below(len(alphabet) ** length), "", 0
        for _ in range(length):
            number, symbol = divmod(number, len(alphabet))
            word, state = word + alphabet[symbol], machine.moves[state][symbol]
        kept = found[0 if machine.accepting[state] else 1]
        if len(kept) < wanted and word not in kept:
            kept.append(word)
        if len(found[0]) == len(found[1]) == wanted:
            break
    if wanted and not found[0]:
        found[0].append(_shortest(machine))
    return sorted(found[0], key=lambda word: (len(word), word)), sorted(found[1], key=lambda word: (len(word), word))


def _shortest(machine: Machine) -> str:
    """A shortest word that is accepted."""
    words, queue = {0: ""}, [0]
    for state in queue:
        if machine.accepting[state]:
            return words[state]
        for symbol, there in zip(machine.alphabet, machine.moves[state], strict=True):
            if there not in words:
                words[there] = words[state] + symbol
                queue.append(there)
    raise ConfigError("no word is accepted")


def _question(problem: Language) -> str:
    letters = ", ".join(problem.alphabet)
    if problem.form == "conditions":
        all_of = " all of this holds:" if len(problem.clauses) > 1 else ""
        said = f"A word belongs to the language if{all_of} {'; '.join(problem.clauses)}."
    else:
        parts = "".join(f"\n{place}. {clause}" for place, clause in enumerate(problem.clauses, start=1))
        said = f"A word belongs to the language if it is made of these parts, in this order:{parts}"
    lines = [f"Words are made of the letters {letters}. {said}"]
    for what, words in zip(("Some words that belong to it", "Some that do not"), problem.examples, strict=True):
        if words:
            lines.append(f"{what}: {', '.join(words)}")
    return "\n".join(
        [
            *lines,
            f"Write a regular expression that matches exactly the words that belong to it, each as a whole. {_DIALECT}",
        ]
    )


def _compact(problem: Language) -> str:
    clauses = ";".join(clause.replace("`", "") for clause in problem.clauses)
    yes, no = (",".join(words) for words in problem.examples)
    return f"{problem.alphabet}:{clauses}:{yes}:{no}="


def _table(
    moves: tuple[tuple[int, ...], ...], accepting: tuple[bool, ...], order: tuple[int, ...]
) -> tuple[tuple[int, ...], ...]:
    """The minimal automaton as a table: its states numbered as a search meets them that takes letters in an order."""
    part = [int(accepts) for accepts in accepting]
    while True:
        rows = [(part[state], *(part[there] for there in ways)) for state, ways in enumerate(moves)]
        numbers = {row: number for number, row in enumerate(sorted(set(rows)))}
        if len(numbers) == len(set(part)):
            break
        part = [numbers[row] for row in rows]
    member = dict(zip(part, range(len(part)), strict=True))
    seen, queue = {part[0]: 0}, [part[0]]
    table = []
    for block in queue:
        ways = [part[moves[member[block]][symbol]] for symbol in order]
        for there in ways:
            if there not in seen:
                seen[there] = len(seen)
                queue.append(there)
        table.append((int(accepting[member[block]]), *(seen[there] for there in ways)))
    return tuple(table)
