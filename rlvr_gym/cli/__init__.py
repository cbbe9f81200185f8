"""The command `rlvr`."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from rlvr_gym.cli.parser import parse
from rlvr_gym.verifiers import RlvrError

_COMMANDS = {
    "list": "show:run_list",
    "bench": "bench:run_bench",
    "compare": "bench:run_compare",
    "rescore": "bench:run_rescore",
    "train": "train:run_train",
    "calibrate": "calibrate:run_calibrate",
    "grok": "grok:run_grok",
    "verify": "verify:run_verify",
    "play": "play:run_play",
    "audit": "audit:run_audit",
    "check": "check:run_check",
    "sandbox": "sandbox:run_sandbox",
    "mcp": "mcp:run_mcp",
}
_RESUMABLE = ("bench", "rescore", "train", "grok")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Words after `rlvr`; those of the process by default.

    Returns:
        The exit status: 0 success, 1 the command says no (see each command), 2 a mistake in the command or its input,
        130 interrupted.
    """
    args = parse(argv)
    if os.getcwd() not in sys.path:  # as `python -m` has it, so that `mine:Mine-v0` is found beside the user
        sys.path.append(os.getcwd())
    module, _, function = _COMMANDS[args.command].partition(":")
    try:
        status: int = getattr(importlib.import_module(f"rlvr_gym.cli.{module}"), function)(args)
        sys.stdout.flush()
        return status
    except RlvrError as error:
        sys.stderr.write(f"rlvr {args.command}: {error}\n")
        return 2
    except KeyboardInterrupt:
        resumes = "; the same command continues where it stopped" if args.command in _RESUMABLE else ""
        sys.stderr.write(f"\nrlvr {args.command}: interrupted{resumes}\n")
        return 130
    except BrokenPipeError:  # the reader of our output, such as head, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # what the operating system refuses: no permission, no space, a file where a folder is due
        where = f": {error.filename}" if error.filename is not None else ""
        sys.stderr.write(f"rlvr {args.command}: {error.strerror or error}{where}\n")
        return 2
