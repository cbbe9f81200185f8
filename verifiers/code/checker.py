"""Runs a data set's own checker over what a program wrote, in a sandbox of its own.

Trusted source, untrusted input: what the program wrote arrives as a `str` and is never executed here. The report goes
out on stderr.
"""

from __future__ import annotations

import builtins
import os
from typing import Any

from rlvr_gym.verifiers.code.wire import Channel, encode, own_streams


def main() -> None:
    """Load the checker, then ask it about one output."""
    _, _, errors = own_streams()
    report = Channel(-1, errors)
    os.write(errors, b"\0report\n")
    names: dict[str, Any] = {"__name__": "checker", "__builtins__": builtins}
    exec(compile(read("checker.py"), "checker.py", "exec", dont_inherit=True), names)  # noqa: S102 - trusted source
    check = names["check"]
    report.write(encode(("begin",)))
    try:
        fits = bool(check(read("stdin"), read("stdout"), read("expected")))
    except BaseException:  # noqa: BLE001 - what a program wrote may be anything
        fits = False
    report.write(encode(("test", fits)))
    os._exit(0)


def read(name: str) -> str:
    """A file of the working directory as text."""
    with open(name, "rb") as file:
        return file.read().decode("utf-8", "replace")


if __name__ == "__main__":
    main()
