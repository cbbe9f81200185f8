"""`rlvr sandbox serve`, `rlvr sandbox run`, `rlvr sandbox doctor`."""

from __future__ import annotations

import argparse
import ipaddress
import json
import logging
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlvr_gym.cli import specs
from rlvr_gym.cli.console import say, table, warn
from rlvr_gym.verifiers.errors import ConfigError, RlvrError, suggestion
from rlvr_gym.verifiers.sandbox import (
    LANGUAGES,
    LAYERS,
    LEVELS,
    Isolation,
    RunResult,
    RunSpec,
    Sandbox,
    SandboxError,
    languages_here,
    make_sandbox,
    sandbox_names,
)
from rlvr_gym.verifiers.sandbox.remote.answer import write_answer
from rlvr_gym.verifiers.sandbox.remote.request import MOST
from rlvr_gym.verifiers.sandbox.spec import MIB

_PROBE = RunSpec("print(sum(map(int, input().split())))", stdin="20 22")
_BACKEND = "forkserver"

_SERVE = """Serve a sandbox to other machines, as SandboxFusion does: POST /run_code, GET /health.

  rlvr sandbox serve --port 8080 --min-isolation isolated
  rlvr sandbox serve --backend docker image=python:3.12 --host 0.0.0.0 --token-file token.txt

SIGTERM or Ctrl-C finishes what runs, refuses the rest and ends; a second one does not wait."""

_RUN = """Run one program in a sandbox, and tell how it ended and which layers held it.

  rlvr sandbox run solution.py --stdin input.txt
  rlvr sandbox run main.cpp --backend remote url=http://127.0.0.1:8080

Exit status: 0 it ended well, 1 it did not, 2 a mistake in the command, or the sandbox failed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `rlvr sandbox`."""
    raw = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    serve = actions.add_parser("serve", help="a sandbox as a service", description=_SERVE, formatter_class=raw)
    _add_backend(serve)
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    serve.add_argument("--port", type=int, default=8080, help="port; 0 takes a free one (8080)")
    serve.add_argument("--workers", type=int, help="programs at one time (one for each processor)")
    serve.add_argument("--queue", type=int, help="requests that may wait besides; more are answered 429 (512)")
    serve.add_argument("--min-isolation", choices=LEVELS, default="none", help="refuse to start below it (none)")
    serve.add_argument("--token-file", metavar="FILE", help="file with the token that clients must send")
    serve.add_argument("--max-wall-s", type=float, help=f"longest run that may be asked for ({MOST.wall_s:g})")
    most_mib = MOST.memory_bytes // MIB
    serve.add_argument("--max-memory-mib", type=int, help=f"most memory that may be asked for ({most_mib})")
    run = actions.add_parser("run", help="one program", description=_RUN, formatter_class=raw)
    run.add_argument("file", help="the program; its ending tells the language")
    _add_backend(run)
    run.add_argument("--language", help=f"where the ending does not tell it: {', '.join(LANGUAGES)}")
    run.add_argument("--stdin", metavar="FILE", help="what the program reads (nothing); - for standard input")
    run.add_argument("--json", action="store_true", help="print what the service would answer")
    doctor = actions.add_parser("doctor", help="which back ends work here, and how well they isolate")
    for action in (serve, run, doctor):
        action.set_defaults(parser=action)


def run_sandbox(args: argparse.Namespace) -> int:
    """See the help of each action for its exit status."""
    return _ACTIONS[args.action](args)


def _add_backend(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(sandbox_names())
    parser.add_argument("settings", nargs="*", metavar="key=value", help="settings of the back end")
    parser.add_argument("--backend", default=_BACKEND, help=f"{names} ({_BACKEND})")


# --- serve ---------------------------------------------------------------------------------------------------------


def _serve(args: argparse.Namespace) -> int:
    from rlvr_gym.verifiers.sandbox.remote.server import (  # asyncio: no other command should wait for it
        Server,
        Settings,
    )

    given = {"workers": args.workers, "queue": args.queue, "token": _token(args.token_file)}
    caps: dict[str, Any] = {"wall_s": args.max_wall_s, "memory_bytes": _mib(args.max_memory_mib)}
    settings = Settings(
        host=args.host,
        port=args.port,
        most=replace(MOST, **{name: value for name, value in caps.items() if value is not None}),
        **{name: value for name, value in given.items() if value is not None},
    )
    logging.basicConfig(format="%(asctime)s %(message)s")
    config = {"min_isolation": args.min_isolation, **specs.parse_settings(args.settings)}
    with make_sandbox(args.backend, **config) as sandbox:
        found = sandbox.isolation()
        if not found.reaches(sandbox.min_isolation):
            lacking = "; ".join(f"{layer}: {why}" for layer, why in found.missing.items())
            raise SandboxError(f"{args.backend} reaches isolation {found.level!r} here, not more ({lacking})")
        if settings.token is None and not _is_loopback(args.host):
            warn(f"note: whoever reaches {args.host} can run programs here: there is no --token-file")
        room = f"{settings.workers} workers, queue of {settings.queue}"
        Server(sandbox, settings).run(_Announcement(args.backend, f"isolation {found.level}, {room}"))
    return 0


class _Announcement:
    """Says where the server listens, once it does."""

    def __init__(self, backend: str, details: str) -> None:
        self._backend, self._details = backend, details

    def __call__(self, url: str) -> None:
        say(f"serving {self._backend} on {url} ({self._details})")


def _token(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        token = Path(path).read_text("utf-8").strip()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text") from error
    if not token:
        raise ConfigError(f"{path} is empty: write the token into it")
    return token


def _mib(value: int | None) -> int | None:
    return None if value is None else value * MIB


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# --- run -----------------------------------------------------------------------------------------------------------


def _run(args: argparse.Namespace) -> int:
    path = Path(args.file)
    language = args.language if args.language is not None else _language_of(path)
    stdin = b""
    if args.stdin is not None:
        stdin = sys.stdin.buffer.read() if args.stdin == "-" else Path(args.stdin).read_bytes()
    try:
        spec = RunSpec(path.read_text("utf-8"), language, stdin)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no UTF-8 text: {error}") from error
    with make_sandbox(args.backend, **specs.parse_settings(args.settings)) as sandbox:
        result = sandbox.run(spec)
    if args.json:
        say(json.dumps(write_answer(result)))
        return 0 if result.ok else 1
    for name, content in (("stdout", result.stdout), ("stderr", result.stderr)):
        if content:
            say(f"{name}:\n{_readable(content)}")
    peak = f"{result.peak_memory_bytes / MIB:.0f} MiB"
    say(f"{_ending(result)}, {result.wall_s:.3f} s, of them {result.cpu_s:.3f} s of processor time, {peak}")
    say(f"isolation: {result.isolation.level}, by {args.backend}")
    for layer, meaning in LAYERS.items():
        if layer in result.isolation.layers:
            say(f"  {layer:<18} {meaning}")
    _say_missing(args.backend, result.isolation)
    return 0 if result.ok else 1


def _language_of(path: Path) -> str:
    endings = {Path(row.source).suffix: row.name for row in LANGUAGES.values()}
    if path.suffix not in endings:
        raise ConfigError(f"which language is {str(path)!r}? Name it with --language{suggestion(path.suffix, endings)}")
    return endings[path.suffix]


def _readable(content: bytes) -> str:
    """Output of an untrusted program as text for a terminal: control characters are escaped, lines set in."""
    text = content.decode("utf-8", "backslashreplace")
    safe = "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape", "backslashreplace").decode() for c in text
    )
    return "\n".join("  " + line for line in safe.removesuffix("\n").split("\n"))


def _ending(result: RunResult) -> str:
    if result.limit is not None:
        how = f"ended by the limit on {result.limit}"
    elif result.signal is not None:
        known = {member.value: member.name for member in signal.Signals}
        how = f"ended by signal {result.signal} ({known.get(result.signal, 'unnamed')})"
    else:
        how = f"exit status {result.exit_code}"
    return f"not compiled: {how}" if result.phase == "compile" else how


def _say_missing(backend: str, isolation: Isolation) -> None:
    for layer, why in isolation.missing.items():
        say(f"  {backend} is without {layer}: {why}")


# --- doctor --------------------------------------------------------------------------------------------------------


def _doctor(args: argparse.Namespace) -> int:
    """0 where at least one back end works."""
    found = {name: _examined(name) for name in sandbox_names()}
    rows = [
        ["works here", *("yes" if isinstance(result, Isolation) else "no" for result in found.values())],
        ["level", *(result.level if isinstance(result, Isolation) else "-" for result in found.values())],
    ]
    for layer in LAYERS:
        have = ["yes" if isinstance(r, Isolation) and layer in r.layers else "-" for r in found.values()]
        rows.append([layer, *have])
    say(table(["", *found], rows))
    say()
    for name, result in found.items():
        if isinstance(result, Isolation):
            _say_missing(name, result)
        else:
            say(f"  {name} does not work here: {result}")
    say()
    say(f"languages on this machine: {', '.join(languages_here())}")
    return 0 if any(isinstance(result, Isolation) for result in found.values()) else 1


def _examined(name: str) -> Isolation | str:
    """The layers that a run really had, or what went wrong."""
    try:
        with _quick(name) as sandbox:
            result = sandbox.run(_PROBE)
    except (RlvrError, ImportError, OSError) as error:
        return str(error)
    if result.stdout != b"42\n":
        return f"a small program gave {result.stdout!r}; {_ending(result)}; {_readable(result.stderr[-300:])}"
    return result.isolation


def _quick(name: str) -> Sandbox:
    return make_sandbox(name, retries=0, timeout_s=5) if name == "remote" else make_sandbox(name)


_ACTIONS = {"serve": _serve, "run": _run, "doctor": _doctor}
