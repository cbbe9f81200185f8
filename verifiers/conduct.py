"""`episode@1`: how somebody served a customer: what was changed, what was told, what was refused, and in what order.

What was to be done (records in their final state, facts told) is a duty. The rest (nothing else changed, refusals,
rules, few calls, few numbers) is kept by whoever does nothing, so it can only lessen what the duties are worth.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import Context, ReferenceFault, Verifier
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.trajectory import (
    Entry,
    Pattern,
    Rule,
    check_source,
    no_log,
    read_json,
    read_log,
    read_rules,
    same,
)
from rlvr_gym.verifiers.verdict import Part, Reason, Status, Verdict

SAY, USER = "say", "user"  # entries of the log that are no calls

Path = tuple[str, ...]

_TOKEN = re.compile(r"(?:(?<![^\W_])-)?[^\W_]++(?:[-.,:/'’][^\W_]++)*+")
_NUMBER = re.compile(r"(-?)0*+(\d*+|\d{1,3}(?:,\d{3})++)(?:\.(\d++))?", re.ASCII)
_REFUSAL = re.compile(
    r"\b(?:cannot|can not|can['’]?t|unable|decline|refuse|against (?:our|the) (?:rules|policy)"
    r"|(?:not|\w{2,6}n['’]t) (?:be )?(?:able|allowed|permitted|possible|eligible)|no longer (?:allowed|possible))\b",
    re.IGNORECASE,
)
_KEYS = ("goals", "tell", "refuse", "rules", "rest", "ignore", "most_calls", "most_numbers")
_DIGEST = re.compile(r"[0-9a-f]{32}")


class Goal(NamedTuple):
    """A place in the state, and what is to stand there at the end."""

    at: Path
    value: Any


class Fact(NamedTuple):
    """What the customer must be told, as a canonical token; where `after` is given, after an entry that fits it."""

    token: str
    after: Pattern | None


class Guard(NamedTuple):
    """What must be kept, and whether anything was done by which it could have been broken."""

    name: str
    held: bool
    tested: bool = True


class Duties(NamedTuple):
    """A reference that can be used; see `Conduct`."""

    goals: tuple[Goal, ...]
    tell: tuple[Fact, ...]
    refuse: tuple[int, ...]
    rules: tuple[Rule, ...]
    rest: str
    ignore: tuple[Path, ...]
    most_calls: int
    most_numbers: int


@dataclass(frozen=True)
class Conduct(Verifier):
    """Judges an episode with a customer by its log and its final state.

    The reference is an object with

    - `goals`: `[{"at": path, "value": JSON}]`, what is to stand at places of the final state;
    - `tell`: numbers, dates or codes that the customer must be told; a fact is a whole token, so 10 is not in 1000.
      `{"fact": token, "after": pattern}` counts only after an entry that fits the pattern (see `trajectory@1`);
    - `refuse`: numbers of wishes that must be refused in words while they are talked of;
    - `rules`: see `trajectory@1`;
    - `rest`: `remainder(state, paths)` of all that is neither a goal nor in `ignore`: it must not change;
    - `ignore`: paths of the state at which anything may stand;
    - `most_calls`: calls, failed ones too;
    - `most_numbers`: different tokens with a digit in all that is said. Facts count only among the first so many.

    The context is `{"log": ..., "state": ...}`. In the log an entry `say` is a message to the customer, with the
    arguments `text` and `wish`, and an entry `user` is what the customer did; calls that failed are neither.

    The strict outcome asks for all of it. The dense score is the share of goals and facts, times the share of the rest
    that is kept; there a rule counts only where it was put to the test: its call was made, or it asks for one. One
    goal or fact at least is required.

    Args:
        source: `"context"`, or `"response"`: the response is that object, as JSON; for episodes that somebody trusted
            has written down.

    Raises:
        ConfigError: There is no such source.

    Example:
        >>> start, end = {"lamp": "off", "door": "shut"}, {"lamp": "on", "door": "shut"}
        >>> reference = {"goals": [{"at": ["lamp"], "value": "on"}], "tell": ["10"], "refuse": [], "rules": []}
        >>> reference |= {"rest": remainder(start, [("lamp",)]), "ignore": [], "most_calls": 3, "most_numbers": 5}
        >>> say = {"name": "say", "arguments": {"text": "It takes 10 watts.", "wish": 0}, "error": ""}
        >>> Conduct().verify("", reference, context={"log": [say], "state": end}).passed
        True
        >>> say["arguments"]["text"] = "It takes 1000 watts."
        >>> verdict = Conduct().verify("", reference, context={"log": [say], "state": end})
        >>> verdict.score, [part.name for part in verdict.parts if not part.passed]
        (0.5, ['fact 1'])
    """

    name = "episode"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "A fact counts as told wherever it stands: the verifier does not read what is said about it.",
        "A yes is what the log says: a scripted customer sees words alone, and agrees to 'It would be wrong to cancel "
        "O-1, do you agree?' as to 'I am going to cancel O-1, do you agree?'.",
        "A refusal is any phrase such as 'I cannot' while the wish is talked of, whatever it refers to.",
        "A wrong number beside the right one is not held against anybody below the cap on numbers.",
        "An amount or a date in words, or a date in another order, is not found.",
    )

    source: str = "context"

    def __post_init__(self) -> None:
        check_source(self.source)
        super().__post_init__()

    def parse_reference(self, reference: Any) -> Duties:
        """See the class."""
        if not isinstance(reference, Mapping) or set(reference) != set(_KEYS):
            raise ReferenceFault("not_duties", f"the reference must have {', '.join(_KEYS)}; got {shown(reference)}")
        goals = tuple(map(_read_goal, _list(reference, "goals")))
        tell, refuse = _list(reference, "tell"), _list(reference, "refuse")
        if not goals and not tell:
            raise ReferenceFault("asks_nothing", "no goal and no fact: whoever does nothing would pass")
        facts = tuple(map(_read_fact, tell))
        counts = [*refuse, reference["most_calls"], reference["most_numbers"]]
        if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in counts):
            raise ReferenceFault("not_a_count", "wishes and limits are integers of at least 0")
        if not isinstance(reference["rest"], str) or not _DIGEST.fullmatch(reference["rest"]):
            raise ReferenceFault("not_a_digest", "rest must be what remainder() gives")
        rules = read_rules(reference["rules"]) if reference["rules"] else ()
        ignore = tuple(map(_read_path, _list(reference, "ignore")))
        most_calls, most_numbers = reference["most_calls"], reference["most_numbers"]
        return Duties(goals, facts, tuple(refuse), rules, reference["rest"], ignore, most_calls, most_numbers)

    def judge(self, response: str, gold: Duties, context: Context | None) -> Verdict:
        """See the class."""
        given: Any = context or {}
        if self.source == "response":
            if not response.strip():
                return Verdict(Status.NO_ANSWER, 0.0, Reason("no_log", "there is no log"), self.id)
            given = read_json(response)
        log = read_log(given.get("log")) if isinstance(given, Mapping) else None
        if log is None or not isinstance(given.get("state"), Mapping):
            return no_log(self)
        duties = list(_duties(gold, log, given["state"]))
        guards = list(_guards(gold, log, given["state"]))
        done = any(held for _, held in duties)
        parts = [Part(name, held, float(held)) for name, held in duties]
        parts += [_part(guard, done) for guard in guards]
        extracted = f"{len(log)} entries"
        if all(held for _, held in duties) and all(guard.held for guard in guards):
            reason = Reason("served", "all that was asked is done and nothing else")
            return Verdict(Status.PASSED, 1.0, reason, self.id, extracted, self.source, tuple(parts))
        if not done:
            reason = Reason("nothing_done", "no goal is reached and no fact told")
            return Verdict(Status.FAILED, 0.0, reason, self.id, extracted, self.source, tuple(parts))
        failed = [name for name, held in duties if not held] + [guard.name for guard in guards if not guard.held]
        reason = Reason("not_served", f"does not hold: {', '.join(failed)}")
        score = _share([held for _, held in duties]) * _share([guard.held for guard in guards if guard.tested])
        return Verdict(Status.FAILED, score, reason, self.id, extracted, self.source, tuple(parts))


def remainder(state: Any, paths: Sequence[Path]) -> str:
    """A digest of a state without what stands at some paths.

    Example:
        >>> remainder({"a": 1, "b": 2}, [("a",)]) == remainder({"a": 7, "b": 2}, [("a",)])
        True
        >>> remainder({"a": 1, "b": 2}, [("a",)]) == remainder({"a": 1, "b": 3}, [("a",)])
        False
    """
    left = state
    for path in paths:
        left = _without(left, path)
    text = json.dumps(left, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def tokens(text: str) -> list[str]:
    """The words, numbers and codes of a text in one spelling each.

    Example:
        >>> tokens("So $1,042.50 back for o-10, by 2031-05-06.")
        ['SO', '1042.5', 'BACK', 'FOR', 'O-10', 'BY', '2031-05-06']
    """
    return [_canonical(token) for token in _TOKEN.findall(text)]


def numbers(text: str) -> list[str]:
    """The tokens of a text that have a digit.

    Example:
        >>> numbers("Order o-10: 42.50 in all.")
        ['O-10', '42.5']
    """
    return [token for token in tokens(text) if any(char.isdigit() for char in token)]


def refuses(text: str) -> bool:
    """Whether a message says that something cannot be done.

    Example:
        >>> [refuses(text) for text in ("I am sorry, I can't do that.", "That isn't possible.", "It is done.")]
        [True, True, False]
    """
    return _REFUSAL.search(text) is not None


def _duties(gold: Duties, log: Sequence[Entry], state: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    for number, goal in enumerate(gold.goals, 1):
        yield f"goal {number}", _stands(state, goal)
    told = _told(log, gold.most_numbers)
    for number, (token, after) in enumerate(gold.tell, 1):
        start = 0 if after is None else next((at for at, entry in enumerate(log) if after.fits(entry)), len(log))
        yield f"fact {number}", any(at >= start and token in found for at, found in told)


def _guards(gold: Duties, log: Sequence[Entry], state: Mapping[str, Any]) -> Iterator[Guard]:
    said = list(_said(log))
    for number, wish in enumerate(gold.refuse, 1):
        yield Guard(f"refusal {number}", any(about == wish and refuses(text) for _, about, text in said))
    for number, rule in enumerate(gold.rules, 1):
        tested = rule.asks or any(map(rule.call.fits, log))
        yield Guard(f"rule {number} ({rule.kind})", rule.holds(log), tested)
    paths = [*(goal.at for goal in gold.goals), *gold.ignore]
    yield Guard("nothing else changed", remainder(state, paths) == gold.rest)
    calls = sum(bool(entry["error"]) or entry["name"] not in (SAY, USER) for entry in log)
    yield Guard("few calls", calls <= gold.most_calls)
    yield Guard("few numbers", len({token for *_, text in said for token in numbers(text)}) <= gold.most_numbers)


def _told(log: Sequence[Entry], most: int) -> list[tuple[int, set[str]]]:
    """Place in the log of each message, and the numbers in it; after so many different ones no new ones are heard."""
    heard = dict.fromkeys(token for *_, text in _said(log) for token in numbers(text))
    first = set(list(heard)[:most])
    return [(at, first.intersection(numbers(text))) for at, _, text in _said(log)]


def _said(log: Sequence[Entry]) -> Iterator[tuple[int, int, str]]:
    """What was said to the customer: the place in the log, the number of the wish that was talked of, and the text."""
    for at, entry in enumerate(log):
        if entry["name"] == SAY and not entry["error"]:
            text, wish = entry["arguments"].get("text"), entry["arguments"].get("wish")
            if isinstance(text, str) and isinstance(wish, int) and not isinstance(wish, bool):
                yield at, wish, text


def _stands(state: Any, goal: Goal) -> bool:
    for key in goal.at:
        if not isinstance(state, Mapping) or key not in state:
            return False
        state = state[key]
    return same(state, goal.value)


def _without(state: Any, path: Path) -> Any:
    first, *rest = path
    if not isinstance(state, Mapping) or first not in state:
        return state
    if not rest:
        return {key: value for key, value in state.items() if key != first}
    return {**state, first: _without(state[first], tuple(rest))}


def _canonical(token: str) -> str:
    number = _NUMBER.fullmatch(token)
    if number is None:
        return token.upper()
    sign, whole, decimals = number.groups()
    decimals = (decimals or "").rstrip("0")
    return f"{sign}{whole.replace(',', '') or '0'}{'.' if decimals else ''}{decimals}"


def _part(guard: Guard, done: bool) -> Part:
    """None where nothing says that it was kept: no duty was done, or nothing by which it could have been broken."""
    if not done or not guard.tested:
        return Part(guard.name, None, 0.0)
    return Part(guard.name, guard.held, float(guard.held))


def _share(held: Sequence[bool]) -> float:
    return sum(held) / len(held)


def _read_fact(value: Any) -> Fact:
    text, after = value, None
    if isinstance(value, Mapping) and value.keys() == {"fact", "after"}:
        text, after = value["fact"], read_rules([{"kind": "never", "call": value["after"]}])[0].call
        if not after.names:
            raise ReferenceFault("not_a_fact", f"'after' must name an entry, got {shown(value)}")
    if not isinstance(text, str) or not _TOKEN.fullmatch(text) or not any(char.isdigit() for char in text):
        raise ReferenceFault("not_a_fact", f"a fact is one token with a digit, got {shown(value)}")
    return Fact(_canonical(text), after)


def _list(reference: Mapping[str, Any], key: str) -> list[Any]:
    value = reference[key]
    if not isinstance(value, list | tuple):
        raise ReferenceFault("not_duties", f"{key} must be a list, got {shown(value)}")
    return list(value)


def _read_goal(value: Any) -> Goal:
    if not isinstance(value, Mapping) or value.keys() != {"at", "value"}:
        raise ReferenceFault("not_a_goal", f"a goal is {{'at': path, 'value': JSON}}, got {shown(value)}")
    return Goal(_read_path(value["at"]), value["value"])


def _read_path(value: Any) -> Path:
    if not isinstance(value, list | tuple) or not value or not all(isinstance(key, str) for key in value):
        raise ReferenceFault("not_a_path", f"a path is a list of keys, got {shown(value)}")
    return tuple(value)
