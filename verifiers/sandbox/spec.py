"""What a sandbox is asked and what it answers: `RunSpec` in, `RunResult` out, plain data both ways.

A result says which isolation layers were in force while the program ran. Layers add up to a level, and a sandbox
refuses to run anything below the level that its user asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from rlvr_gym.verifiers.errors import ConfigError, RlvrError, shown, suggestion

MIB = 2**20

LAYERS: Mapping[str, str] = MappingProxyType(
    {
        "session": "a session and process group of its own, without a terminal",
        "clean_env": "none of the caller's environment variables",
        "closed_fds": "no descriptor but its own stdin, stdout and stderr",
        "rlimits": "kernel limits on processor time, memory, processes, files and their size",
        "user_namespace": "privileges, where it has any, that mean nothing outside",
        "mount_namespace": "a file system that holds only a read-only interpreter and libraries",
        "private_tmp": "a working directory of its own in memory, of limited size, gone afterwards",
        "pid_namespace": "no sight of other processes; all of its own die with it",
        "network_namespace": "no network device",
        "ipc_namespace": "no shared memory, queues or semaphores of others",
        "uts_namespace": "a host name that says nothing",
        "landlock": "kernel rules that deny every path but those it needs",
        "uid": "a user id of its own, which owns nothing",
        "no_capabilities": "no root privilege, not even inside its namespaces",
        "no_new_privs": "no set-uid program raises its privileges",
        "seccomp": "a filter that refuses dangerous system calls, sockets among them",
        "cgroup": "limits on memory and processes of the whole tree",
        "read_only_root": "a root file system that cannot be written",
        "own_kernel": "system calls are served by a kernel in user space (gVisor)",
    }
)

LEVELS = ("none", "limits", "confined", "isolated", "hardened")


class SandboxError(RlvrError, RuntimeError):
    """The sandbox could not do its work: a failure of ours, never of the program. Verdicts become ungradable."""


@dataclass(frozen=True)
class Isolation:
    """The layers in force.

    Args:
        layers: Names out of `LAYERS`.
        missing: Layers that this back end knows and could not have, with the reason.

    Example:
        >>> Isolation(("rlimits", "landlock", "seccomp", "no_new_privs", "no_capabilities")).level
        'confined'
        >>> Isolation(("session",)).level
        'none'
    """

    layers: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def level(self) -> str:
        """One of `LEVELS`.

        - `none`: nothing that can be relied on;
        - `limits`: limits on resources;
        - `confined`: and no foreign files, no network, no privileges;
        - `isolated`: and no sight of other processes, dangerous system calls refused, nothing survives;
        - `hardened`: and a kernel of its own.
        """
        have = set(self.layers)
        if not have & {"rlimits", "cgroup"}:
            return "none"
        files, network = have & {"mount_namespace", "landlock"}, have & {"network_namespace", "seccomp"}
        if not (files and network and have >= {"no_new_privs", "no_capabilities"}):
            return "limits"
        if "own_kernel" in have:
            return "hardened"
        return "isolated" if have >= {"pid_namespace", "seccomp"} else "confined"

    def reaches(self, level: str) -> bool:
        """Whether this is at least `level`."""
        return LEVELS.index(self.level) >= LEVELS.index(level)


def check_level(level: object) -> str:
    """A level by name.

    Raises:
        ConfigError: No such level.
    """
    if not isinstance(level, str) or level not in LEVELS:
        raise ConfigError(f"min_isolation must be one of {', '.join(LEVELS)}; got {shown(level)}")
    return level


@dataclass(frozen=True)
class Limits:
    """What one program may use. All are positive.

    Args:
        cpu_s: Processor seconds of the whole tree.
        wall_s: Seconds from start to end, the back-stop for programs that wait.
        memory_bytes: Memory.
        output_bytes: Bytes that are kept of stdout and of stderr; a program that writes more is killed.
        processes: Processes and threads at one time.
        file_bytes: Size of one file.
        disk_bytes: All that it writes into its working directory.
        open_files: Descriptors at one time.

    Raises:
        ConfigError: A value is not a positive number.

    Example:
        >>> Limits(wall_s=2).to_dict()["wall_s"]
        2.0
    """

    cpu_s: float = 10.0
    wall_s: float = 20.0
    memory_bytes: int = 512 * MIB
    output_bytes: int = MIB
    processes: int = 32
    file_bytes: int = 32 * MIB
    disk_bytes: int = 64 * MIB
    open_files: int = 128

    def __post_init__(self) -> None:
        for item in fields(self):
            value, real = getattr(self, item.name), item.name in ("cpu_s", "wall_s")
            if isinstance(value, bool) or not isinstance(value, (int, float) if real else int) or not 0 < value < 2**62:
                kind = "number" if real else "integer"
                raise ConfigError(f"limit {item.name} must be a positive {kind}, got {shown(value)}")
            object.__setattr__(self, item.name, float(value) if real else int(value))

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Limits:
        """The inverse of `to_dict`; what is left out has its default.

        Raises:
            ConfigError: A limit is unknown or its value refused.
        """
        known = [item.name for item in fields(cls)]
        for key in data:
            if key not in known:
                raise ConfigError(f"there is no limit {shown(key)}{suggestion(str(key), known)}")
        return cls(**data)


COMPILE_LIMITS = Limits(
    cpu_s=60, wall_s=90, memory_bytes=2048 * MIB, processes=64, file_bytes=256 * MIB, disk_bytes=512 * MIB
)


@dataclass(frozen=True)
class RunSpec:
    """One program to run.

    Args:
        code: The source of the main file.
        language: A name out of `sandbox.languages`.
        stdin: What the program reads; text is encoded as UTF-8.
        argv: Arguments after the program's name.
        files: Further files of the working directory: relative path to content.
        collect: Relative paths of files to bring back. What is missing, no regular file, behind a link or larger than
            `limits.file_bytes` is left out.
        limits: What it may use.
        compile_limits: What its compiler may use, where the language has one.
        peer: A second program that runs at the same time, sandboxed by itself. The stdout of each is the stdin of the
            other, uncapped, so neither may have a `stdin` of its own; `RunResult.peer` tells how it went.

    Raises:
        ConfigError: A path is not a plain relative one, or `peer` is used with `stdin` or has a peer itself.

    Example:
        >>> RunSpec("print(input()[::-1])", stdin="abc").stdin
        b'abc'
    """

    code: str = ""
    language: str = "python"
    stdin: bytes | str = b""
    argv: tuple[str, ...] = ()
    files: Mapping[str, bytes | str] = field(default_factory=dict)
    collect: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    compile_limits: Limits = COMPILE_LIMITS
    peer: RunSpec | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.code, str):
            raise ConfigError(f"code must be a str, got {type(self.code).__name__}")
        object.__setattr__(self, "stdin", encoded("stdin", self.stdin))
        object.__setattr__(self, "argv", tuple(_argument(a) for a in self.argv))
        files = {check_path(path): encoded(path, content) for path, content in self.files.items()}
        object.__setattr__(self, "files", MappingProxyType(files))
        object.__setattr__(self, "collect", tuple(check_path(path) for path in self.collect))
        if self.peer is not None:
            if self.peer.peer is not None:
                raise ConfigError("a peer cannot have a peer: two programs are connected, no more")
            if self.stdin or self.peer.stdin:
                raise ConfigError("with a peer there is no stdin: each program reads what the other writes")

    def __reduce__(self) -> tuple[Any, ...]:
        values = (getattr(self, item.name) for item in fields(self))
        return type(self), tuple(dict(v) if isinstance(v, MappingProxyType) else v for v in values)


@dataclass(frozen=True)
class RunResult:
    """How a program ended.

    Args:
        exit_code: Its exit status; None where a signal ended it.
        signal: Number of the signal that ended it, else None.
        stdout: What it wrote, at most `limits.output_bytes`.
        stderr: The same of stderr.
        limit: The limit that it ran into: `cpu`, `wall`, `memory`, `output`, `processes` or `file`; else None. There
            may be an exit status beside it, where the program came to its own end in the same moment.
        cpu_s: Processor seconds of the whole tree.
        wall_s: Seconds from start to end.
        peak_memory_bytes: Largest resident size that was seen.
        isolation: The layers that were in force.
        files: The files asked for with `collect`.
        phase: `compile` where a compiler refused the source, and the rest tells of the compiler; else `run`.
        peer: How the peer ended, where there was one.
    """

    exit_code: int | None
    signal: int | None
    stdout: bytes
    stderr: bytes
    limit: str | None
    cpu_s: float
    wall_s: float
    peak_memory_bytes: int
    isolation: Isolation
    files: Mapping[str, bytes] = field(default_factory=dict)
    phase: str = "run"
    peer: RunResult | None = None

    @property
    def ok(self) -> bool:
        """It ran to its end, within its limits, with exit status 0. Says nothing about what it computed."""
        return self.phase == "run" and self.exit_code == 0 and self.limit is None


# The last line of a Python traceback where the kernel refused what a limit forbids, which no signal tells of.
_TOLD = (
    (b"MemoryError", "memory"),
    (b"OSError: [Errno 27] File too large", "file"),
    (b"OSError: [Errno 28] No space left on device", "file"),
    (b"BlockingIOError: [Errno 11] Resource temporarily unavailable", "processes"),
    (b"RuntimeError: can't start new thread", "processes"),
)


def limit_told(stderr: bytes) -> str | None:
    """The limit that an uncaught exception of Python speaks of, if any.

    A program could print such a line itself; it would only call its own failure by another name.

    Example:
        >>> limit_told(b'Traceback (most recent call last):\\n  File "main.py", line 1\\nMemoryError\\n')
        'memory'
    """
    last = stderr.rstrip().rpartition(b"\n")[2]
    return next((limit for line, limit in _TOLD if last.startswith(line)), None)


def check_path(path: object) -> str:
    """A plain relative path of at most 255 bytes.

    Raises:
        ConfigError: It is absolute, climbs, is empty, or has a NUL or backslash in it.

    Example:
        >>> check_path("data/in.txt")
        'data/in.txt'
    """
    if isinstance(path, str) and 0 < len(path.encode("utf-8", "surrogatepass")) <= 255 and path.isprintable():
        parts = path.split("/")
        if "\\" not in path and all(part not in ("", ".", "..") for part in parts):
            return path
    raise ConfigError(f"a file of a sandbox is named by a plain relative path such as 'data/in.txt'; got {shown(path)}")


def encoded(name: str, content: object) -> bytes:
    """Bytes as they are, text as UTF-8; lone surrogates keep a form of their own, since no text may raise.

    Raises:
        ConfigError: Neither bytes nor text.
    """
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode("utf-8", "surrogatepass")
    raise ConfigError(f"{name} must be bytes or str, got {type(content).__name__}")


def _argument(value: object) -> str:
    if isinstance(value, str) and "\0" not in value and value.isprintable() | value.isascii():
        return value
    raise ConfigError(f"an argument must be printable text, got {shown(value)}")
