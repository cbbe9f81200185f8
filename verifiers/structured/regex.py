"""`regex@1`: a regular expression that describes the language that is asked for, whichever expression it is.

Judged by the equivalence of automata and never by trying words: both expressions are read by an own parser, and pairs
of states are searched for one in which the two disagree. No backtracking engine ever sees a response.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault, Step
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.structured.regex_syntax import MAX_REGEX_CHARS, START, Regex, RegexError, parse_regex
from rlvr_gym.verifiers.verdict import Part, Reason, Verdict

MAX_SYMBOLS = 10
MAX_STATES = 300
MAX_PAIRS = 2_000
LENGTHS = 8
_DENSE = 0.9  # what is left for agreeing on all short words without being right


class Machine(NamedTuple):
    """A deterministic automaton; state 0 is its start.

    Args:
        alphabet: Its symbols.
        moves: For each state, where each symbol leads.
        accepting: For each state, whether a word may end there.
    """

    alphabet: str
    moves: tuple[tuple[int, ...], ...]
    accepting: tuple[bool, ...]


class Pairs(NamedTuple):
    """The pairs of states that two automata can be in after the same word; pair 0 is their start.

    Args:
        moves: For each pair, where each symbol leads.
        accepting: For each pair, whether the first automaton accepts there, and whether the second does.
        words: For each pair, a shortest word that leads there.
    """

    moves: list[tuple[int, ...]]
    accepting: list[tuple[bool, bool]]
    words: list[str]


@dataclass(frozen=True)
class RegexMatch(RuleVerifier):
    """Judges an expression by the words that it matches as a whole.

    The reference is `{"alphabet": "ab", "regex": "a(a|b)*"}`: at most ten letters and digits, and an expression that
    matches some words over them and not all. What an expression may hold: see `regex_syntax.parse_regex`. Backticks
    around an answer are read over.

    The dense score is 0.9 * (a + r - 1), and at least 0. For a, take of the words of each length up to 8 that are to
    be matched the share that the answer matches, and the mean over the lengths; for r the same with those that are
    not to be matched and are not. Lengths of which all words or none are to be matched do not count. So an answer
    that looks at nothing but the length of a word scores 0.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = RegexMatch()
        >>> reference = {"alphabet": "ab", "regex": "(a|b)*b"}
        >>> verifier.verify("<answer>(a*b)+</answer>", reference).passed
        True
        >>> verdict = verifier.verify("<answer>a*b</answer>", reference)
        >>> verdict.reason.code, round(verdict.score, 2)
        ('different', 0.22)
    """

    name = "regex"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Length and beauty of an expression are not judged: one that lists cases passes as well as a short one.",
        "An expression that needs more than 2,000 pairs of states is refused, also where it is right.",
        "What other dialects have besides (`\\d`, `a+?`, look-ahead, a second repetition as in `a**`) is refused, also "
        "where it would be right.",
        "The dense score knows words up to length 8 only, and is 0 throughout where a language is one of lengths.",
    )
    max_answer_chars: ClassVar[int] = MAX_REGEX_CHARS + 10

    markers: tuple[str, ...] = ("answer_tag", "boxed", "####")

    def parse_reference(self, reference: Any) -> Machine:
        """See the class."""
        try:
            alphabet, regex = reference["alphabet"], reference["regex"]
        except (TypeError, KeyError, IndexError) as error:
            raise ReferenceFault("not_a_language", "the reference must hold 'alphabet' and 'regex'") from error
        if not isinstance(alphabet, str) or not isinstance(regex, str) or len(regex) > MAX_REGEX_CHARS:
            raise ReferenceFault("not_a_language", f"both must be texts, 'regex' of up to {MAX_REGEX_CHARS} characters")
        if not 1 <= len(alphabet) <= MAX_SYMBOLS or not (alphabet.isascii() and alphabet.isalnum()):
            raise ReferenceFault("bad_alphabet", f"'alphabet' must be 1 to {MAX_SYMBOLS} letters and digits")
        if len(set(alphabet)) != len(alphabet):
            raise ReferenceFault("bad_alphabet", "a symbol of 'alphabet' occurs twice")
        try:
            machine = machine_of(regex, alphabet)
        except RegexError as error:
            raise ReferenceFault("unreadable_regex", str(error)) from error
        if len(set(machine.accepting)) < 2:
            raise ReferenceFault("nothing_asked", "'regex' matches every word or none")
        return machine

    def read(self, text: str, gold: Machine) -> Regex:
        """See the class."""
        if len(text) > 2 and text[0] == text[-1] == "`":
            text = text[1:-1].strip()
        if not text:
            raise UnreadableError("empty_answer", "the answer is empty")
        try:
            return parse_regex(text, gold.alphabet)
        except RegexError as error:
            raise UnreadableError("not_a_regex", str(error)) from error

    def check(self, answer: Regex, gold: Machine) -> Finding:
        """See the class."""
        pairs = pairs_of(answer, gold)
        if pairs is None:
            return Finding(False, Reason("too_many_states", f"it needs more than {MAX_PAIRS:,} pairs of states"))
        if all(given == wanted for given, wanted in pairs.accepting):
            return Finding(True, Reason("equivalent", "it matches exactly the words that are asked for"))
        matched, refused = _shares(pairs)
        parts = (
            Part("matched", False, matched, f"{matched:.0%} of those that are to be matched"),
            Part("not_matched", False, refused, f"{refused:.0%} of those that are not"),
        )
        reason = Reason("different", "it does not match exactly the words that are asked for")
        return Finding(False, reason, _DENSE * max(0.0, matched + refused - 1), parts)

    def reasoning(self, verdict: Verdict, reference: Any) -> list[Step]:
        """A shortest word that is judged differently, for people; the verdict does not hold it."""
        steps = super().reasoning(verdict, reference)
        if verdict.reason.code != "different" or verdict.extracted is None:
            return steps
        gold = self.parse_reference(reference)
        pairs = pairs_of(self.read(verdict.extracted, gold), gold)
        if pairs is None:
            return steps
        found = next(word for word, (a, b) in zip(pairs.words, pairs.accepting, strict=True) if a != b)
        return [*steps, Step("differs", f"a shortest word on which they differ is {found!r}")]


@lru_cache(maxsize=4096)
def machine_of(text: str, alphabet: str) -> Machine:
    """The automaton of an expression, not minimal.

    Raises:
        RegexError: It cannot be read, or has more than 300 states.

    Example:
        >>> machine_of("a*", "ab").moves
        ((1, 2), (1, 2), (2, 2))
    """
    regex = parse_regex(text, alphabet)
    numbers, order = {START: 0}, [START]
    moves = []
    for state in order:
        row = []
        for there in regex.moves(state):
            if there not in numbers:
                if len(order) >= MAX_STATES:
                    raise RegexError(f"the expression has more than {MAX_STATES} states")
                numbers[there] = len(order)
                order.append(there)
            row.append(numbers[there])
        moves.append(tuple(row))
    return Machine(alphabet, tuple(moves), tuple([regex.accepts(state) for state in order]))


def pairs_of(answer: Regex, gold: Machine) -> Pairs | None:
    """The pairs of states that an expression and an automaton reach together; None where there are over 2,000."""
    numbers = {(START, 0): 0}
    queue = deque([(START, 0)])
    known: dict[int, tuple[int, ...]] = {}
    pairs = Pairs([], [], [""])
    while queue:
        state, wanted = queue.popleft()
        ways = known.get(state)
        if ways is None:
            ways = known[state] = answer.moves(state)
        pairs.accepting.append((answer.accepts(state), gold.accepting[wanted]))
        row = []
        for symbol, there in zip(gold.alphabet, zip(ways, gold.moves[wanted], strict=True), strict=True):
            number = numbers.get(there)
            if number is None:
                number = numbers[there] = len(numbers)
                if number >= MAX_PAIRS:
                    return None
                queue.append(there)
                pairs.words.append(pairs.words[len(pairs.moves)] + symbol)
            row.append(number)
        pairs.moves.append(tuple(row))
    return pairs


def _shares(pairs: Pairs) -> tuple[float, float]:
    """Of the words to be matched the share that is, and of the others the share that is not; means over lengths."""
    now = {0: 1}
    shares: tuple[list[float], list[float]] = ([], [])
    for length in range(LENGTHS + 1):
        if length:
            now = _longer(now, pairs)
        counts: Counter[tuple[bool, bool]] = Counter()
        for pair, count in now.items():
            counts[pairs.accepting[pair]] += count
        wanted = counts[True, True] + counts[False, True]
        others = counts[True, False] + counts[False, False]
        if wanted and others:
            shares[0].append(counts[True, True] / wanted)
            shares[1].append(counts[False, False] / others)
    matched, refused = (sum(found) / max(1, len(found)) for found in shares)
    return matched, refused


def _longer(counts: dict[int, int], pairs: Pairs) -> dict[int, int]:
    """How many words lead to each pair, of words that are one symbol longer."""
    after: dict[int, int] = {}
    for pair, count in counts.items():
        for there in pairs.moves[pair]:
            after[there] = after.get(there, 0) + count
    return after
