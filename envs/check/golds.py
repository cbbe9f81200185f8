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
_ASKED = ("args", "input", "kwargs", "stdin")  # what a test asks is no answer: with another one it is another test
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
