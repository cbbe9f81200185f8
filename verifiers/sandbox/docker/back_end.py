"""The Docker back end: every program has a container of its own, taken warm from a pool and destroyed afterwards.

A container has no network, a read-only root, no capabilities, a user that owns nothing, the engine's seccomp profile,
a working directory in memory, and limits on memory, processes and processors. Programs of any language whose tools are
in the image can be run; the image needs python3 for the agent that starts them.
"""

from __future__ import annotations

import json
import math
import os
import threading
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar

from rlvr_gym.verifiers.errors import ConfigError, shown
from rlvr_gym.verifiers.sandbox.base import Job, Sandbox
from rlvr_gym.verifiers.sandbox.docker.api import Engine, default_host
from rlvr_gym.verifiers.sandbox.docker.container import HOST_NAME, WORK, Container, Recipe, Shape
from rlvr_gym.verifiers.sandbox.docker.pool import Pool
from rlvr_gym.verifiers.sandbox.docker.probe import judge
from rlvr_gym.verifiers.sandbox.docker.run import Talk, converse
from rlvr_gym.verifiers.sandbox.languages import LANGUAGES
from rlvr_gym.verifiers.sandbox.spec import Isolation, Limits, RunResult, SandboxError

_PROBE_S = 30.0
_ALL: weakref.WeakSet[Docker] = weakref.WeakSet()


class Docker(Sandbox):
    """Runs every program in a container of its own.

    Limits on memory, processes and disk are fixed when a container is made: jobs that differ in them do not share warm
    containers, and the pool follows what was asked for last. All other limits are set for each job. `cpu_s` and
    `peak_memory_bytes` are the agent's: the processor time of the container's control group (where none is seen, that
    of the processes that were reaped) and the largest process's resident size. A run that goes over its memory ends
    with `limit='memory'` whichever of its processes is the large one.

    Args:
        min_isolation: See `Sandbox`.
        concurrency: See `Sandbox`.
        image: Name of the image. It needs python3 of version 3.9 or later with ctypes, and the tools of the languages
            that are used. It is never fetched.
        host: Address of the engine, `unix:///path` or `tcp://machine:port`; by default `DOCKER_HOST` or the usual
            socket.
        pool: Containers that wait; with 0, one is made when a run asks for it.
        cpus: Processors that one program may use at one time; 0 for all, where the engine cannot limit them.
        runtime: The runtime, such as `runsc` for gVisor; by default the engine's own.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> from rlvr_gym.verifiers.sandbox import RunSpec
        >>> with Docker(image="python:3-slim") as sandbox:  # doctest: +SKIP
        ...     result = sandbox.run(RunSpec("print(6 * 7)"))
        >>> result.stdout, result.isolation.level  # doctest: +SKIP
        (b'42\\n', 'isolated')
    """

    name: ClassVar[str] = "docker"
    _started: _Started | None

    def __init__(
        self,
        *,
        min_isolation: str = "none",
        concurrency: int | None = None,
        image: str = "python:3-slim",
        host: str | None = None,
        pool: int = 4,
        cpus: float = 1.0,
        runtime: str | None = None,
    ) -> None:
        super().__init__(min_isolation=min_isolation, concurrency=concurrency)
        for name, text in (("image", image), ("runtime", "runc" if runtime is None else runtime)):
            if not isinstance(text, str) or not text or not text.isprintable():
                raise ConfigError(f"{name} must be a name, got {shown(text)}")
        if isinstance(pool, bool) or not isinstance(pool, int) or not 0 <= pool <= 1024:
            raise ConfigError(f"pool must be an integer from 0 to 1024, got {shown(pool)}")
        if isinstance(cpus, bool) or not isinstance(cpus, (int, float)) or not 0 <= cpus <= 1024:
            raise ConfigError(f"cpus must be a number from 0 to 1024, got {shown(cpus)}")
        if host is not None:
            Engine(host)
        self.image, self.host, self.pool, self.cpus, self.runtime = image, host, pool, float(cpus), runtime
        self._reset()
        _ALL.add(self)

    def config(self) -> dict[str, Any]:
        """See `Sandbox.config`."""
        own = {"image": self.image, "host": self.host, "pool": self.pool, "cpus": self.cpus, "runtime": self.runtime}
        return {**super().config(), **own}

    def isolation(self) -> Isolation:
        """See `Sandbox.isolation`. What is told was seen by a program inside of a container."""
        return self._start().isolation

    def languages(self) -> list[str]:
        """See `Sandbox.languages`: those whose tools are in the image."""
        tools = self._start().tools
        return [name for name, row in LANGUAGES.items() if tools.issuperset(row.tools)]

    def execute(self, job: Job) -> RunResult:
        """See `Sandbox.execute`."""
        started = self._start()
        results = started.execute([job] if job.peer is None else [job, job.peer])
        return results[0] if job.peer is None else replace(results[0], peer=results[1])

    def close(self) -> None:
        """See `Sandbox.close`."""
        with self._lock:
            started, self._started = self._started, None
        if started is not None:
            started.finalizer()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._started = None

    def _start(self) -> _Started:
        with self._lock:
            if self._started is None:
                started = _Started(self)
                started.finalizer = weakref.finalize(self, started.pool.close)
                with ExitStack() as undo:
                    undo.callback(started.finalizer)
                    started.probe()
                    undo.pop_all()
                self._started = started
            return self._started


class _Started:
    """A pool, and what is known of its containers."""

    finalizer: weakref.finalize[[], Docker]

    def __init__(self, owner: Docker) -> None:
        self._cpus, self._runtime = owner.cpus, owner.runtime or ""
        try:
            self._engine = Engine(owner.host or default_host())
        except ConfigError as error:
            raise SandboxError(f"DOCKER_HOST cannot be used: {error}") from error
        recipe = Recipe(owner.image, self._runtime, owner.cpus)
        self.pool = Pool(self._engine, recipe, owner.pool)
        self.isolation, self.tools = Isolation(), frozenset[str]()
        self._guarded = True

    def execute(self, jobs: Sequence[Job]) -> list[RunResult]:
        """Run one program, or two that are connected."""
        containers: list[Container] = []
        try:
            for job in jobs:
                containers.append(self.pool.take(Shape.of(job.limits)))
            talks = [self._talk(*pair) for pair in zip(containers, jobs, strict=True)]
            if len(talks) == 2:
                talks[0].peer, talks[1].peer = talks[1], talks[0]
            converse(talks)
        except SandboxError as error:
            if self.pool.closed:
                raise SandboxError("the sandbox was closed while a program ran") from error
            raise
        finally:
            for container in containers:
                self.pool.give_back(container)
        return [talk.result(self.isolation) for talk in talks]

    def probe(self) -> None:
        """Let a program look around in a container, and judge what it saw.

        Raises:
            SandboxError: It could not.
        """
        limits = Limits(cpu_s=_PROBE_S, wall_s=_PROBE_S)
        tools = sorted({tool for language in LANGUAGES.values() for tool in language.tools})
        command = ("python3", "-I", "-S", "-c", _probe_source(), *tools)
        job = Job(LANGUAGES["python"], command, {}, b"", (), limits)
        container = self.pool.take(Shape.of(limits), fill=False)  # what jobs will ask for is not known yet
        try:
            talk = self._talk(container, job)
            converse([talk])
            told = self._engine.inspect(container.name) or {}
        finally:
            self.pool.give_back(container, fill=False)
        result = talk.result(Isolation())
        if not result.ok:
            raise SandboxError(f"a container could not be looked at from inside: {result}")
        seen: dict[str, Any] = json.loads(result.stdout)
        layers, missing = judge(seen, self._asked(told, limits))
        self.isolation = Isolation(layers, missing)
        self._guarded = "cgroup" in layers
        self.tools = frozenset(seen["tools"])

    def _talk(self, container: Container, job: Job) -> Talk:
        return Talk(self._engine, container, job, cpus=self._cpus, guarded=self._guarded)

    def _asked(self, told: dict[str, Any], limits: Limits) -> dict[str, Any]:
        """What the container was made with, partly as the engine has it."""
        config, host = told.get("Config", {}), told.get("HostConfig", {})
        variables = {line.partition("=")[0] for line in config.get("Env") or ()}
        info = self._engine.required(self._engine.call("GET", "/info"), "tell about itself")
        return {
            "work": WORK,
            "disk": limits.disk_bytes,
            "host_name": HOST_NAME,
            "user": int(str(config.get("User", "0")).partition(":")[0]),
            "variables": variables | {"HOSTNAME", "PATH"},
            "rlimits": [math.ceil(limits.cpu_s) + 1, limits.file_bytes, limits.open_files, 0],
            "memory": host.get("Memory"),
            "pids": host.get("PidsLimit"),
            "runtime": self._runtime,
            "kernel": info.get("KernelVersion"),
        }


@cache
def _probe_source() -> str:
    return files("rlvr_gym.verifiers.sandbox.docker").joinpath("probe.py").read_text(encoding="utf-8")


def _after_fork() -> None:
    """In a fork of this process: the containers are the parent's; the next run here starts a pool of its own."""
    for sandbox in _ALL:
        started = sandbox._started
        sandbox._reset()
        if started is not None:
            started.finalizer.detach()
            started.pool.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
