"""`rlvr verify`: judge one response, or a JSONL file of them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from rlvr_gym.cli import specs
from rlvr_gym.cli.console import say, warn
from rlvr_gym.envs.rows import DataError
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier


def run_verify(args: argparse.Namespace) -> int:
    """0 where everything passed (one response) or could be judged (a file), else 1."""
    verifier = make_verifier(args.verifier, **specs.parse_settings(args.settings))
    if (args.response is None) == (args.input is None):
        raise ConfigError("give one response (--response and --reference) or a file of them (--in)")
    if args.response is not None:
        return _one(verifier, args)
    source = sys.stdin if args.input == "-" else _open(args.input)
    if args.out is None or args.out == "-":
        return _many(verifier, args, source, sys.stdout)
    with open(args.out, "w", encoding="utf-8") as sink:
        return _many(verifier, args, source, sink)


def _one(verifier: Verifier, args: argparse.Namespace) -> int:
    if args.reference is None:
        raise ConfigError("--response needs --reference: what is right?")
    response = sys.stdin.read() if args.response == "-" else args.response
    verdict = verifier.verify(response, _reference(args.reference))
    if args.json:
        say(json.dumps(verdict.to_dict(), ensure_ascii=False))
    else:
        say(f"{verdict.status.value}: {verdict.reason.text} ({verdict.reason.code})")
        say(f"score {verdict.score:g}, extracted {verdict.extracted!r}, by {verdict.method or '-'}, {verdict.verifier}")
        for part in verdict.parts:
            mark = {True: "pass", False: "fail", None: "not judged"}[part.passed]
            say(f"  {part.name}: {mark} {part.detail}".rstrip())
    return 0 if verdict.passed else 1


def _many(verifier: Verifier, args: argparse.Namespace, source: TextIO, sink: TextIO) -> int:
    judged = passed = ungradable = 0
    with source:
        for number, row in _rows(args.input, source):
            for column in (args.response_column, args.reference_column):
                if column not in row:
                    raise DataError(f"{args.input}, line {number}: no column {column!r}; the row has {', '.join(row)}")
            response = row[args.response_column]
            if not isinstance(response, str):
                raise DataError(
                    f"{args.input}, line {number}: {args.response_column!r} must be text, got {response!r:.60}"
                )
            verdict = verifier.verify(response, row[args.reference_column])
            judged += 1
            passed += verdict.passed
            ungradable += not verdict.gradable
            sink.write(json.dumps({**row, "verdict": verdict.to_dict()}) + "\n")
    warn(f"{judged} judged, {passed} passed, {ungradable} ungradable")
    return 0 if judged and not ungradable else 1


def _rows(name: str, source: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(source, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{name}, line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise DataError(f"{name}, line {number}: expected a JSON object, got {type(row).__name__}")
        yield number, row


def _open(path: str) -> TextIO:
    try:
        return open(path, encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise DataError(f"cannot read {path!r}: {error.strerror}") from error


def _reference(text: str) -> Any:
    """A JSON object or list where the text is one (`countdown@1` takes an object), else the text itself."""
    if text[:1] in "{[":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
