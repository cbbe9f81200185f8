"""Other golds for the same prompt: to see whether what a policy is shown depends on what it must not know."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rlvr_gym.verifiers import Verifier

SECRET = "918273645546372819"
SECRET_WORD = "xyloqarvenith"
_SHIFTED = str.maketrans("0123456789", "1234567890")
_TURNED = str.maketrans("abcdefghijklmnopqrstuvwxyz", "bcdefghijklmnopqrstuvwxyza")
# What a test asks is no answer: with another one it is another test.
_ASKED = ("args", "input", "kwargs", "stdin", "times")
_SOURCES = ("assert", "asserts", "test")  # tests that are programs: what they ask stands in them
_MOST = 3


def altered(reference: Any, prompt: str, verifier: Verifier) -> list[Any]:
    """Golds that differ from this one in one place, and that the verifier accepts; at most three.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> altered("42", "What is 6 * 7?", make_verifier("number@1"))
        ['53']
    """
    return _accepted(reference, prompt, verifier, _others)


def marked(reference: Any, prompt: str, verifier: Verifier) -> list[Any]:
    """Golds with a secret in them that occurs nowhere by chance, and that the verifier accepts; at most three.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> marked("42", "What is 6 * 7?", make_verifier("number@1"))
        ['918273645546372819']
    """
    return _accepted(reference, prompt, verifier, _secrets)


def asked(reference: Any, prompt: str, verifier: Verifier) -> list[Any]:
    """The gold with a secret in all that its hidden tests ask, where the verifier accepts that; else nothing.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> tests = [{"args": [1], "expected": 2, "public": True}, {"args": [3], "expected": 6}]
        >>> [gold] = asked({"kind": "calls", "entry_point": "f", "tests": tests}, "Double it.", make_verifier("code@1"))
        >>> gold["tests"] == [tests[0], {"args": [918273645546372819], "expected": 6}]
        True
    """
    other = reference
    for path, leaf in _leaves(reference):
        if any(step in _ASKED for step in path):
            other = _replaced(other, path, int(SECRET) if isinstance(leaf, int) else f"{SECRET}\n")
        elif any(step in _SOURCES for step in path) and isinstance(leaf, str):
            other = _replaced(other, path, re.sub(r"\b\d+\b", SECRET, leaf))
    return [other] if other != reference and verifier.check_reference(other).ok else []


def broken(reference: Any) -> list[Any]:
    """Golds that say nothing: none at all, empty ones, and this one with each of its lists emptied.

    Example:
        >>> broken({"kind": "calls", "entry_point": "f", "tests": [{"args": [], "expected": 1}]})[4:]
        [{'kind': 'calls', 'entry_point': 'f', 'tests': []}]
    """
    items = reference.items() if isinstance(reference, Mapping) else ()
    return [None, "", [], {}, *({**reference, key: []} for key, value in items if isinstance(value, list) and value)]


def told_by_programs(names: Sequence[str]) -> list[str]:
    """Responses with programs that tell what they are asked: by what they print and by what they raise.

    Args:
        names: Of the functions that are asked for.

    Example:
        >>> print(told_by_programs(["f"])[1])
        ```python
        def f(*args, **more):
            given = repr((args, more))
            print(given)
        ```
    """
    found = []
    for tells in ("print(given)", "raise ValueError(given)"):
        function = f"(*args, **more):\n    given = repr((args, more))\n    {tells}"
        functions = "\n".join(f"def {name}{function}" for name in names)
        for code in (f"import sys\ngiven = sys.stdin.read()\n{tells}", functions):
            found.append(f"```python\n{code}\n```")
    return found


def _accepted(reference: Any, prompt: str, verifier: Verifier, changes: Any) -> list[Any]:
    """One gold for each key that can be changed: many tests of one kind say the same."""
    found: dict[str, Any] = {}
    for path, leaf in _leaves(reference):
        key = next((str(step) for step in reversed(path) if isinstance(step, str)), "")
        if key in found or key in _ASKED or str(leaf).strip() in prompt:
            continue
        for change in changes(leaf):
            other = _replaced(reference, path, change)
            if verifier.check_reference(other).ok:
                found[key] = other
                break
        if len(found) == _MOST:
            break
    return list(found.values())


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str | int]]:
    """Texts and numbers of a gold with their places; what is marked as public is none of it."""
    if isinstance(value, Mapping):
        if not value.get("public"):
            for key, item in value.items():
                yield from _leaves(item, (*path, key))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _leaves(item, (*path, i))
    elif isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        yield path, value


def _others(leaf: str | int) -> Iterator[str | int]:
    if isinstance(leaf, int):
        yield leaf + 11
        return
    for other in (leaf.translate(_SHIFTED), leaf[::-1], leaf.translate(_TURNED)):
        if other != leaf:
            yield other


def _secrets(leaf: str | int) -> Iterator[str | int]:
    if isinstance(leaf, int):
        yield int(SECRET)
        return
    yield SECRET
    *_, last = [None, *re.finditer(r"\d+", leaf)]
    if last is not None:
        yield f"{leaf[: last.start()]}{SECRET}{leaf[last.end() :]}"
    yield SECRET_WORD


def _replaced(value: Any, path: Sequence[Any], leaf: Any) -> Any:
    if not path:
        return leaf
    first, *rest = path
    if isinstance(value, Mapping):
        return {**value, first: _replaced(value[first], rest, leaf)}
    return [_replaced(item, rest, leaf) if i == first else item for i, item in enumerate(value)]
