"""The kind `calls`: a function, or a class and a script of its methods, is given inputs; its answers are compared here.

The candidate's process gets the inputs and no more. Its answers are data, and are compared in our own process; no code
of the data set runs anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.code.checkers import tolerance
from rlvr_gym.verifiers.code.outcomes import (
    BROKEN,
    MEMORY,
    PASSED,
    WRONG,
    Judged,
    Outcome,
    Test,
    Ungradable,
    cut_short,
    ending,
    not_loaded,
)
from rlvr_gym.verifiers.code.program import RUNNER, harness
from rlvr_gym.verifiers.code.values import Node, Policy, from_json, node
from rlvr_gym.verifiers.code.wire import WireError, encode
from rlvr_gym.verifiers.code.work import (
    Ask,
    Setup,
    Work,
    common_of,
    keys_of,
    limits_of,
    messages_of,
    rows_of,
    text_of,
    texts_of,
)
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.sandbox import Limits, RunResult, RunSpec
from rlvr_gym.verifiers.verdict import Status

_READY = b"0000000bt1:s5:ready"  # the runner's first words, before the candidate is loaded


@dataclass(frozen=True)
class Call:
    """What one test feeds and expects.

    Args:
        feed: What the runner is told, as a message.
        expected: The value that is expected; None where an exception is.
        raises: The name of the exception that is expected, else empty.
    """

    feed: bytes
    expected: Node | None
    raises: str


@dataclass(frozen=True)
class Calls:
    """A reference of the kind `calls`.

    Args:
        tests: What the verdict tells of the tests.
        calls: What each test feeds and expects.
        entry_point: The function or class; `Solution.method` is a method of a new instance.
        imports: Import statements that the candidate's program finds done.
        policy: What counts as equal.
        limits: The limits that the reference declares.
    """

    tests: tuple[Test, ...]
    calls: tuple[Call, ...]
    entry_point: str
    imports: tuple[str, ...]
    policy: Policy
    limits: dict[str, Any]

    def language(self, default: str) -> str:
        """See `Kind`."""
        return "python"

    def work(self, code: str, setup: Setup) -> Work:
        """Run the tests in groups, each in a process of its own, and compare."""
        limits = limits_of(self.limits, setup.limits)
        groups = self._groups(setup.fresh_state)
        calls = [tuple(self.calls[number] for number in group) for group in groups]
        results = yield Ask([self._spec(code, some, limits) for some in calls])
        judged = [self._judge(some, result) for some, result in zip(calls, results, strict=True)]
        outcomes: list[Outcome] = [Outcome(BROKEN)] * len(self.calls)
        for group, one in zip(groups, judged, strict=True):
            for number, outcome in zip(group, one.outcomes, strict=True):
                outcomes[number] = outcome
        return Judged(outcomes, next((one.cause for one in judged if one.cause), ""))

    def _groups(self, fresh_state: bool) -> list[list[int]]:
        """Numbers of the tests that share a process.

        What a candidate answers to a public test is told, and it sees all inputs of its process: those of hidden tests
        must not be among them.
        """
        if fresh_state:
            return [[number] for number in range(len(self.calls))]
        public = [number for number, test in enumerate(self.tests) if test.public]
        hidden = [number for number, test in enumerate(self.tests) if not test.public]
        return [group for group in (public, hidden) if group]

    def _spec(self, code: str, calls: tuple[Call, ...], limits: Limits) -> RunSpec:
        task = encode({"entry_point": self.entry_point, "imports": self.imports})
        inputs = b"".join(call.feed for call in calls)
        files: dict[str, bytes | str] = {"task.bin": task, "inputs.bin": inputs, "candidate.py": code}
        return harness(RUNNER, files, limits)

    def _judge(self, calls: tuple[Call, ...], result: RunResult) -> Judged:
        if not result.stdout.startswith(_READY):
            raise Ungradable(Status.SANDBOX_ERROR, "not_started", "the candidate's process did not come to start")
        messages = messages_of(result.stdout[len(_READY) :])
        if messages is None or (messages and (messages[0][0] != "hello" or not messages[0][1])):
            return Judged([Outcome(BROKEN)] * len(calls), "protocol_violation")
        if messages and messages[0][1][0] != (b"s", "ok"):
            return not_loaded(str(messages[0][1][0][1]), len(calls))
        outcomes: list[Outcome] = []
        ended = False
        for number, (kind, parts) in enumerate(messages[1:]):
            if kind == "end" and number == len(calls) == len(messages) - 2:
                ended = True
                break
            if kind not in ("answer", "error") or number >= len(calls) or parts[:1] != ((b"i", number),):
                return Judged([Outcome(BROKEN)] * len(calls), "protocol_violation")
            outcomes.append(self._outcome(calls[number], kind, parts))
        return Judged(cut_short(outcomes, len(calls), ending(result)), complete=ended)

    def _outcome(self, call: Call, kind: str, parts: tuple[Node, ...]) -> Outcome:
        if kind == "error":
            names = [name for _, name in parts[1][1]] if len(parts) > 1 and parts[1][0] == b"l" else []
            fits = call.raises in names if call.raises else False
            word = WRONG if call.raises else MEMORY if "MemoryError" in names else BROKEN
            return Outcome(PASSED if fits else word, str(names[0]) if names else "")
        fits = len(parts) > 1 and call.expected is not None and self.policy.equal(call.expected, parts[1])
        return Outcome(PASSED if fits else WRONG, text_of_node(parts[1]) if len(parts) > 1 else "")


def text_of_node(tree: Node, limit: int = 200) -> str:
    """An answer as people write it, cut.

    Example:
        >>> text_of_node(node([1, (2.5, {"a": None}), {3}]))
        "[1, (2.5, {'a': None}), {3}]"
    """
    text = ""
    for piece in _pieces(tree):
        text += piece
        if len(text) > limit:
            return text[: limit - 1] + "…"
    return text


_BRACKETS = {b"l": "[]", b"t": "()", b"S": "{}", b"d": "{}"}
_NAMES = {
    b"Z": "frozenset",
    b"r": "range",
    b"K": "dict_keys",
    b"V": "dict_values",
    b"I": "dict_items",
    b"g": "iterator",
}


def _pieces(tree: Node) -> Iterator[str]:
    tag, content = tree
    if not isinstance(content, list):
        yield "an object" if tag in (b"H", b"G", b"P", b"C", b"n") else shown(content, 200)
        return
    brackets = _BRACKETS.get(tag, "()")
    yield _NAMES.get(tag, "") + brackets[0]
    for index, child in enumerate(content):
        if index:
            yield ": " if tag == b"d" and index % 2 else ", "
        yield from _pieces(child)
    yield ("," if tag == b"t" and len(content) == 1 else "") + brackets[1]


def parse_calls(reference: dict[str, Any]) -> Calls:
    """Read a reference of the kind `calls`.

    Raises:
        ReferenceFault: It cannot be used.
    """
    keys_of(reference, "the reference", ("kind", "tests", "entry_point"), ("compare", "imports", "limits"))
    entry_point = text_of(reference["entry_point"], "'entry_point'")
    if not entry_point or not all(name.isidentifier() for name in entry_point.split(".", 1)):
        raise ReferenceFault("bad_entry_point", f"'entry_point' must be a name, got {shown(entry_point)}")
    imports = texts_of(reference.get("imports", []), "'imports'")
    limits = reference.get("limits", {})
    limits_of(limits, Limits())
    policy = parse_policy(reference.get("compare", {}))
    tests, calls = [], []
    for row in rows_of(reference["tests"], "'tests'"):
        script = isinstance(row, Mapping) and "script" in row
        feed, call = (_script if script else _call)(row)
        weight, public = common_of(row)
        asked = shown(feed["script"]) if script else ", ".join(text_of_node(node(part)) for part in feed["args"])
        expected = f"raises {call.raises}" if call.expected is None else text_of_node(call.expected)
        tests.append(Test(weight, public, asked, expected, expected))
        calls.append(call)
    return Calls(tuple(tests), tuple(calls), entry_point, tuple(imports), policy, limits)


def _call(row: Any) -> tuple[dict[str, Any], Call]:
    keys_of(row, "a test", ("args",), ("kwargs", "expected", "weight", "public", "raises", "in_place"))
    args, kwargs = from_json(row["args"]), from_json(row.get("kwargs", {}))
    if not isinstance(args, list) or not isinstance(kwargs, dict) or not all(isinstance(key, str) for key in kwargs):
        raise ReferenceFault("bad_value", "'args' must be a list and 'kwargs' an object")
    in_place = row.get("in_place")
    if in_place is not None and (type(in_place) is not int or not 0 <= in_place < len(args)):
        raise ReferenceFault("bad_reference", f"'in_place' must be the number of an argument, got {shown(in_place)}")
    if ("raises" in row) == ("expected" in row):
        raise ReferenceFault("missing_key", "a test needs either 'expected' or 'raises'")
    feed = {"args": tuple(args), "kwargs": kwargs, "in_place": in_place}
    if "raises" in row:
        return feed, Call(_framed(feed), None, text_of(row["raises"], "'raises'"))
    return feed, Call(_framed(feed), node(from_json(row["expected"])), "")


def _script(row: Any) -> tuple[dict[str, Any], Call]:
    keys_of(row, "a test", ("script", "expected"), ("weight", "public"))
    steps = from_json(row["script"])
    expected = from_json(row["expected"])
    well = isinstance(steps, list) and steps and all(isinstance(s, list) and len(s) == 2 for s in steps)
    if not well or not all(isinstance(name, str) and isinstance(args, list) for name, args in steps):
        raise ReferenceFault("bad_value", "'script' must be a list of [method, [arguments]]")
    if not isinstance(expected, list) or len(expected) != len(steps):
        raise ReferenceFault("bad_value", "a script expects one value for each of its steps")
    feed = {"script": [(name, tuple(args)) for name, args in steps]}
    return feed, Call(_framed(feed), node(expected), "")


def _framed(feed: dict[str, Any]) -> bytes:
    try:
        payload = encode(feed)
    except WireError as error:
        raise ReferenceFault("bad_value", f"the input of a test cannot be sent: {error}") from error
    return b"%08x%b" % (len(payload), payload)


def parse_policy(value: Any) -> Policy:
    """Read what a reference declares as equal.

    Raises:
        ReferenceFault: There is no such relaxation.

    Example:
        >>> parse_policy({"float": {"rel": 1e-6}, "unordered": True}).unordered
        'top'
    """
    flags = ("tuple_as_list", "iterable_as_list", "int_as_float")
    keys_of(value, "'compare'", (), (*flags, "float", "unordered"))
    for flag in flags:
        if not isinstance(value.get(flag, False), bool):
            raise ReferenceFault("bad_reference", f"{flag!r} must be true or false, got {shown(value[flag])}")
    orders = {False: "", True: "top", "deep": "deep"}
    order = value.get("unordered", False)
    if type(order) not in (bool, str) or order not in orders:
        raise ReferenceFault("bad_reference", f"'unordered' must be true, false or 'deep', got {shown(order)}")
    close = keys_of(value.get("float", {}), "'float'", (), ("abs", "rel"))
    return Policy(
        **{flag: value.get(flag, False) for flag in flags},
        absolute=tolerance(close.get("abs", 0)),
        relative=tolerance(close.get("rel", 0)),
        unordered=orders[order],
    )
