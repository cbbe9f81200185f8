"""How a container is made: one request body, with every limit and lock in it, and the agent as its first process."""

from __future__ import annotations

import os
import platform
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from rlvr_gym.verifiers.sandbox.docker.agent import READY
from rlvr_gym.verifiers.sandbox.docker.api import Engine
from rlvr_gym.verifiers.sandbox.docker.wire import HungUpError, Wire
from rlvr_gym.verifiers.sandbox.spec import MIB, Limits, SandboxError

LABEL = "rlvr-gym.sandbox"
POOL_LABEL = "rlvr-gym.sandbox.pool"
WORK = "/tmp"
HOST_NAME = "sandbox"

ENVIRONMENT = {
    "HOME": WORK,
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "TMPDIR": WORK,
}

_AGENT_BYTES = 12 * MIB  # what the agent itself uses, on top of what the program may use
_INODES = 16_384
_MOST_PIDS = 2**22  # of any Linux
_READY_S = 60.0
_USERS = range(20_000, 60_000)  # below 65536, so that engines that remap users know them


@dataclass(frozen=True)
class Shape:
    """The limits that are fixed when a container is made; all others are set for each job."""

    memory_bytes: int
    processes: int
    disk_bytes: int

    @classmethod
    def of(cls, limits: Limits) -> Shape:
        """The shape that a job with these limits needs."""
        return cls(limits.memory_bytes, limits.processes, limits.disk_bytes)


@dataclass(frozen=True)
class Recipe:
    """What all containers of a pool have in common.

    Args:
        image: Name of the image.
        runtime: Name of the runtime; empty for the engine's default.
        cpus: Processors that a container may use at one time; 0 for all.
        labels: How the containers are found again.
        volumes: Directories for which the image declares volumes, which would be writable.
    """

    image: str
    runtime: str
    cpus: float
    labels: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()

    def body(self, shape: Shape) -> dict[str, Any]:
        """The request that creates a container."""
        user = _USERS.start + secrets.randbelow(len(_USERS))
        memory = shape.memory_bytes + _AGENT_BYTES
        hidden = dict.fromkeys(self.volumes, "ro,size=4096")
        host: dict[str, Any] = {
            "NetworkMode": "none",
            "IpcMode": "private",
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Memory": memory,
            "MemorySwap": memory,  # the sum of both: no swap
            "PidsLimit": min(shape.processes + 1, _MOST_PIDS),
            "NanoCpus": round(self.cpus * 1e9),
            "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
            "Tmpfs": {
                **hidden,
                WORK: f"rw,exec,nosuid,nodev,mode=1777,size={shape.disk_bytes},nr_inodes={_INODES}",
            },
            "ShmSize": shape.disk_bytes,
            "LogConfig": {"Type": "none"},
            "Init": False,  # the agent is the first process, and reaps
        }
        if self.runtime:
            host["Runtime"] = self.runtime
        return {
            "Image": self.image,
            "Entrypoint": ["python3", "-I", "-S", "-c", agent_source()],
            "Cmd": [],
            "User": f"{user}:{user}",
            "WorkingDir": WORK,
            "Hostname": HOST_NAME,
            "Env": [f"{name}={value}" for name, value in ENVIRONMENT.items()],
            "NetworkDisabled": True,
            "Healthcheck": {"Test": ["NONE"]},
            "StopSignal": "SIGKILL",  # the agent heeds no other
            "Labels": dict(self.labels),
            "OpenStdin": True,
            "StdinOnce": True,
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
            "HostConfig": host,
        }


@dataclass(eq=False)
class Container:
    """A container whose agent waits for a job.

    Args:
        name: The engine's id of it.
        shape: What it was made for.
        wire: To its agent.
    """

    name: str
    shape: Shape
    wire: Wire


def make(engine: Engine, recipe: Recipe, shape: Shape) -> Container:
    """Create a container, start it, and wait until its agent is ready.

    Raises:
        SandboxError: The engine refuses, or the image cannot run the agent.
    """
    answer = engine.call("POST", "/containers/create", recipe.body(shape))
    name = engine.required(answer, f"create a container of image {recipe.image!r}")["Id"]
    with ExitStack() as undo:
        undo.callback(engine.remove, name)
        wire = Wire(undo.enter_context(engine.attach(name)))
        answer = engine.call("POST", f"/containers/{name}/start")
        if not answer.ok and "python3" in answer.message:
            raise SandboxError(_no_python(recipe.image, answer.message))
        engine.required(answer, f"start a container of image {recipe.image!r}")
        _await_ready(engine, name, wire, recipe.image)
        undo.pop_all()
    return Container(name, shape, wire)


def _await_ready(engine: Engine, name: str, wire: Wire, image: str) -> None:
    wire.connection.settimeout(_READY_S)
    try:
        while not (kinds := [kind for kind, _ in wire.receive()]):
            pass
    except HungUpError as error:
        state = (engine.inspect(name) or {}).get("State")  # raises where it is the engine that is gone
        complaint = wire.complaint.decode("utf-8", "replace").strip() or f"{error}, {state}"
        raise SandboxError(_no_python(image, complaint)) from error
    if kinds != [READY]:
        raise SandboxError(f"the agent in image {image!r} began with {kinds}: is python3 another program there?")
    wire.connection.setblocking(False)


def _no_python(image: str, why: str) -> str:
    return (
        f"image {image!r} cannot run the sandbox's agent, which needs python3 of version 3.9 or later with ctypes "
        f"on its PATH: install it in the image, or name another image ({why})"
    )


@cache
def agent_source() -> str:
    """The text of the agent."""
    return files("rlvr_gym.verifiers.sandbox.docker").joinpath("agent.py").read_text(encoding="utf-8")


def owner() -> str:
    """This process, so that another one on this machine can tell whether it still lives."""
    return f"{_machine()}/{os.getpid()}/{_started(os.getpid())}"


def is_dead(owner_label: str) -> bool:
    """Whether an owner lived on this machine and does no more."""
    machine, _, rest = owner_label.partition("/")
    pid, _, started = rest.partition("/")
    if machine != _machine() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return _started(int(pid)) != started


def _machine() -> str:
    """This boot of this machine, and the namespace in which its process ids count."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}-{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return platform.node().replace("/", "-")


def _started(pid: int) -> str:
    """When a process began, which tells it from a later one with the same id."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return line.rpartition(")")[2].split()[19]
