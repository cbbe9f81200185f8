"""`rlvr verify`: judge one response, or a JSONL file of them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
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
        if args.out is not None:
            raise ConfigError("--out goes with --in: the verdict of one response is printed")
        if args.prompt_column is not None:
            raise ConfigError("--prompt-column goes with --in; the question of one response is --prompt")
        return _one(verifier, args)
    if args.explain or args.prompt is not None:
        raise ConfigError("--explain and --prompt go with --response: a file has --prompt-column")
    if args.reference is not None:
        raise ConfigError("--reference goes with --response: the rows of a file bring theirs, see --reference-column")
    source = sys.stdin if args.input == "-" else _open(args.input)
    if args.out is None or args.out == "-":
        return _many(verifier, args, source, sys.stdout)
    with _sink(Path(args.out), args.input) as sink:
        return _many(verifier, args, source, sink)


@contextmanager
def _sink(out: Path, source: str) -> Iterator[TextIO]:
    """The file to write, which takes the place of an older one only when all of it is written."""
    if source != "-" and out.exists() and out.samefile(source):
        raise ConfigError(f"--out {out} is the file that --in reads: choose another, so that it is not lost")
    if out.exists() and not out.is_file():  # a device or a pipe
        with out.open("w", encoding="utf-8") as sink:
            yield sink
        return
    final = out.resolve()
    if not final.parent.is_dir():
        raise ConfigError(f"cannot write {out}: there is no folder {final.parent}")
    partial = final.with_name(final.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8") as sink:
            yield sink
        partial.replace(final)
    finally:
        partial.unlink(missing_ok=True)


def _one(verifier: Verifier, args: argparse.Namespace) -> int:
    if args.reference is None:
        raise ConfigError("--response needs --reference: what is right?")
    response = sys.stdin.read() if args.response == "-" else args.response
    reference, context = _reference(args.reference), None if args.prompt is None else {"prompt": args.prompt}
    verdict = verifier.verify(response, reference, context=context)
    if args.explain:
        steps = verifier.explain(response, reference, context=context)
        if args.json:
            say(json.dumps({**verdict.to_dict(), "steps": [step._asdict() for step in steps]}))
        else:
            width = max(len(step.name) for step in steps)
            for step in steps:
                say(f"{step.name:<{width}}  {step.text}")
    elif args.json:
        say(json.dumps(verdict.to_dict()))
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
            for column in (args.response_column, args.reference_column, args.prompt_column):
                if column is not None and column not in row:
                    raise DataError(f"{args.input}, line {number}: no column {column!r}; the row has {', '.join(row)}")
            response = row[args.response_column]
            if not isinstance(response, str):
                raise DataError(
                    f"{args.input}, line {number}: {args.response_column!r} must be text, got {response!r:.60}"
                )
            context = None if args.prompt_column is None else {"prompt": row[args.prompt_column]}
            verdict = verifier.verify(response, row[args.reference_column], context=context)
            judged += 1
            passed += verdict.passed
            ungradable += not verdict.gradable
            sink.write(json.dumps({**row, "verdict": verdict.to_dict()}) + "\n")
    if not judged:
        raise DataError(f"{args.input}: the file holds no rows")
    warn(f"{judged} judged, {passed} passed, {ungradable} ungradable")
    return 1 if ungradable else 0


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
        return open(path, encoding="utf-8-sig", errors="surrogateescape")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise DataError(f"cannot read {path!r}: {getattr(error, 'strerror', None) or error}") from error


def _reference(text: str) -> Any:
    """A JSON object where the text is one (`countdown@1` takes one), else the text itself: `[1,2]` is an interval."""
    if text[:1] == "{":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text
