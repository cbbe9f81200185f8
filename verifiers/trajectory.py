"""`trajectory@1`: rules on the order and number of what was done: before, never, at most, at least, repeats.

The rules are about a log, one object a call: `{"name", "arguments", "error", "text"}`. Whoever keeps the log is
trusted and the policy is not: the log comes from the context, and from the response only where that is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import Context, ReferenceFault, Verifier
from rlvr_gym.verifiers.errors import ConfigError, shown
from rlvr_gym.verifiers.verdict import Part, Reason, Status, Verdict, ungradable

SOURCES = ("context", "response")
MAX_RULES = 1_000
MAX_DEPTH = 64

Entry = Mapping[str, Any]


class Pattern(NamedTuple):
    """Which entries of a log are meant.

    Args:
        names: Any of them; empty: whatever its name.
        arguments: Those that an entry must have, with these values; others are free.
        failed: Whether calls that failed are meant too.
    """

    names: tuple[str, ...]
    arguments: Mapping[str, Any]
    failed: bool

    def fits(self, entry: Entry) -> bool:
        """Whether an entry is meant."""
        if (self.names and entry["name"] not in self.names) or (entry["error"] and not self.failed):
            return False
        given = entry["arguments"]
        return all(key in given and same(given[key], value) for key, value in self.arguments.items())


class Rule(NamedTuple):
    """One rule; `first` is for the kind `before` alone, `times` for `at_most` and `at_least`."""

    kind: str
    call: Pattern
    first: Pattern | None
    times: int

    def holds(self, log: Sequence[Entry]) -> bool:
        """Whether a log keeps the rule."""
        return _HOLDS[self.kind](self, log)

    @property
    def asks(self) -> bool:
        """Whether the rule asks for something to be done: an empty log breaks it."""
        return not self.holds(())


def _before(rule: Rule, log: Sequence[Entry]) -> bool:
    """Whatever fits `call` comes after something that fits `first`."""
    for entry in log:
        if rule.call.fits(entry):
            return False
        if rule.first is not None and rule.first.fits(entry):
            return True
    return True


def _count(rule: Rule, log: Sequence[Entry]) -> int:
    return sum(rule.call.fits(entry) for entry in log)


def _repeats(rule: Rule, log: Sequence[Entry]) -> int:
    """How many calls that fit tell nothing new: name, arguments and result are those of an earlier one."""
    fitting = [entry for entry in log if rule.call.fits(entry)]
    kinds = {(entry["name"], entry.get("text", ""), _canonical(entry["arguments"])) for entry in fitting}
    return len(fitting) - len(kinds)


_HOLDS: Mapping[str, Callable[[Rule, Sequence[Entry]], bool]] = {
    "before": _before,
    "never": lambda rule, log: _count(rule, log) == 0,
    "at_most": lambda rule, log: _count(rule, log) <= rule.times,
    "at_least": lambda rule, log: _count(rule, log) >= rule.times,
    "at_most_repeats": lambda rule, log: _repeats(rule, log) <= rule.times,
}
_KEYS: Mapping[str, tuple[str, ...]] = {
    "before": ("kind", "call", "first"),
    "never": ("kind", "call"),
    "at_most": ("kind", "call", "count"),
    "at_least": ("kind", "call", "count"),
    "at_most_repeats": ("kind", "call", "count"),
}


@dataclass(frozen=True)
class Trajectory(Verifier):
    """Judges a log by rules.

    The reference is `{"rules": [...]}`, each of them one of

    - `{"kind": "before", "first": pattern, "call": pattern}`: every such call comes after one that fits `first`;
    - `{"kind": "never", "call": pattern}`;
    - `{"kind": "at_most", "call": pattern, "count": n}` and `{"kind": "at_least", ...}`;
    - `{"kind": "at_most_repeats", "call": pattern, "count": n}`: at most n such calls are redundant, which is to say
      that an earlier one had the same name, arguments and result.

    A pattern is `{"name": text or list of texts, "arguments": {...}, "failed": false}`: without a name any call is
    meant, so that `at_most` is a budget of calls; the arguments that are named must have these values; calls that
    failed count only with `"failed": true`. One rule at least must ask for
    something: rules that an empty log keeps would pass whoever does nothing. The dense score is the share of rules
    that are kept, and 0 where nothing that is asked for was done.

    Args:
        source: `"context"`: the log is `context["log"]`. `"response"`: it is the response, as JSON, for logs that
            somebody trusted has written down.

    Raises:
        ConfigError: There is no such source.

    Example:
        >>> call = {"name": "pay", "arguments": {"amount": 5}, "error": "", "text": "paid"}
        >>> asked = {"name": "ask", "arguments": {}, "error": "", "text": "yes"}
        >>> before = {"kind": "before", "first": {"name": "ask"}, "call": {"name": "pay"}}
        >>> once = {"kind": "at_least", "call": {"name": "pay"}, "count": 1}
        >>> judge, reference = Trajectory(), {"rules": [before, once]}
        >>> judge.verify("", reference, context={"log": [asked, call]}).passed
        True
        >>> verdict = judge.verify("", reference, context={"log": [call, asked]})
        >>> verdict.score, verdict.reason.text
        (0.5, '1 of 2 rules is broken')
    """

    name = "trajectory"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Rules name calls and arguments: the same effect reached by another call that no rule names is not seen.",
        "A call made and undone again breaks no rule but never and at_most: compare the state as well.",
    )

    source: str = "context"

    def __post_init__(self) -> None:
        check_source(self.source)
        super().__post_init__()

    def parse_reference(self, reference: Any) -> tuple[Rule, ...]:
        """See the class."""
        if not isinstance(reference, Mapping) or reference.keys() != {"rules"}:
            raise ReferenceFault("not_rules", f"the reference must be {{'rules': [...]}}, got {shown(reference)}")
        rules = read_rules(reference["rules"])
        if not any(rule.asks for rule in rules):
            raise ReferenceFault("asks_nothing", "an empty log keeps every rule: add one of the kind 'at_least'")
        return rules

    def judge(self, response: str, gold: tuple[Rule, ...], context: Context | None) -> Verdict:
        """See the class."""
        given = context or {}
        if self.source == "response":
            if not response.strip():
                return Verdict(Status.NO_ANSWER, 0.0, Reason("no_log", "there is no log"), self.id)
            given = {"log": read_json(response)}
        log = read_log(given.get("log"))
        if log is None:
            return no_log(self)
        kept = [rule.holds(log) for rule in gold]
        done = any(held for rule, held in zip(gold, kept, strict=True) if rule.asks)
        parts = [
            Part(f"{i} {rule.kind}", held if done or rule.asks else None, float(held and (done or rule.asks)))
            for i, (rule, held) in enumerate(zip(gold, kept, strict=True), 1)
        ]
        broken = len(kept) - sum(kept)
        extracted = f"{len(log)} calls"
        if not broken:
            reason = Reason("kept", "every rule is kept")
            return Verdict(Status.PASSED, 1.0, reason, self.id, extracted, self.source, tuple(parts))
        reason = Reason("broken", f"{broken} of {len(gold)} rules {'is' if broken == 1 else 'are'} broken")
        score = sum(kept) / len(kept) if done else 0.0
        return Verdict(Status.FAILED, score, reason, self.id, extracted, self.source, tuple(parts))


def read_rules(value: Any) -> tuple[Rule, ...]:
    """Rules from JSON.

    Raises:
        ReferenceFault: It is no list of rules, or an empty one.
    """
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_RULES:
        raise ReferenceFault("not_rules", f"rules are a list of 1 to {MAX_RULES:,} objects, got {shown(value)}")
    return tuple(map(_read_rule, value))


def read_log(value: Any) -> list[Entry] | None:
    """The entries of a log, or None where it is no log."""
    if not isinstance(value, list | tuple) or not all(map(_is_entry, value)):
        return None
    return list(value)


def read_json(text: str) -> Any:
    """The JSON value that a text is; None where it is none, or one nested deeper than 64."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [item for outer in level for item in _inside(outer)]
        if not level:
            return value
    return None


def no_log(verifier: Verifier) -> Verdict:
    """The verdict where there is no log: the fault of whoever writes it, who is the response or the environment."""
    if getattr(verifier, "source", "") == "response":
        return Verdict(Status.MALFORMED, 0.0, Reason("not_a_log", "the response is no log"), verifier.id)
    text = "the context has no log of calls: the environment must give one"
    return ungradable(Status.VERIFIER_ERROR, "no_log", text, verifier.id)


def check_source(source: Any) -> None:
    """Refuse what is no source of a log.

    Raises:
        ConfigError: With the sources that exist.
    """
    if source not in SOURCES:
        raise ConfigError(f"source must be one of {', '.join(SOURCES)}; got {shown(source)}")


def same(one: Any, two: Any) -> bool:
    """Whether two JSON values are equal; true is not 1.

    Example:
        >>> same({"n": [1, 2.0]}, {"n": [1.0, 2]}), same(True, 1), same(1, "1")
        (True, False, False)
    """
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return isinstance(one, bool) is isinstance(two, bool) and bool(one == two)


def _inside(value: Any) -> Sequence[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()


def _canonical(value: Any) -> str:
    """A JSON value as text, the same for values that are `same`."""
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_entry(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("name"), str)
        and isinstance(value.get("arguments"), Mapping)
        and isinstance(value.get("error"), str)
    )


def _read_rule(value: Any) -> Rule:
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if not isinstance(kind, str) or kind not in _KEYS:
        raise ReferenceFault("not_a_rule", f"a rule has a kind, one of {', '.join(_KEYS)}; got {shown(value)}")
    if set(value) != set(_KEYS[kind]):
        raise ReferenceFault("not_a_rule", f"a rule {kind!r} has {', '.join(_KEYS[kind])}; got {shown(value)}")
    count = value.get("count", 0)
    least = 1 if kind == "at_least" else 0
    if isinstance(count, bool) or not isinstance(count, int) or count < least:
        raise ReferenceFault("not_a_rule", f"count must be an integer of at least {least}, got {shown(count)}")
    first = _read_pattern(value["first"]) if kind == "before" else None
    return Rule(kind, _read_pattern(value["call"]), first, count)


def _read_pattern(value: Any) -> Pattern:
    if not isinstance(value, Mapping) or not set(value) <= {"name", "arguments", "failed"}:
        raise ReferenceFault("not_a_pattern", f"a pattern has name, arguments and failed; got {shown(value)}")
    names = value.get("name", ())
    names = (names,) if isinstance(names, str) else names
    arguments, failed = value.get("arguments", {}), value.get("failed", False)
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name for name in names):
        raise ReferenceFault("not_a_pattern", f"a pattern names a call or a list of them, got {shown(names)}")
    if "name" in value and not names:
        raise ReferenceFault("not_a_pattern", "'name' is empty: name a call, or leave it out where any is meant")
    if not isinstance(arguments, Mapping) or not isinstance(failed, bool):
        raise ReferenceFault("not_a_pattern", f"arguments are an object and failed is a boolean; got {shown(value)}")
    return Pattern(tuple(names), dict(arguments), failed)
