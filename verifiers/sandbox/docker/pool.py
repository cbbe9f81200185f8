"""Warm containers: each is used for one program and then destroyed; others are made meanwhile.

The pool keeps what was asked for last: a job takes a container of its shape or, where none waits, makes one, and the
pool is filled up with that shape. Containers carry two labels, of the process that made them and of the pool, by which
leftovers are found.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from rlvr_gym.verifiers.sandbox.docker.api import Engine
from rlvr_gym.verifiers.sandbox.docker.container import (
    LABEL,
    POOL_LABEL,
    Container,
    Recipe,
    Shape,
    is_dead,
    make,
    owner,
)
from rlvr_gym.verifiers.sandbox.spec import SandboxError

_WORKERS = 2
_BACKLOG = 8  # containers that may wait for their removal; beyond, whoever is done with one removes one himself
_STOPPED_S = 60.0  # a container that stopped so long ago is nobody's
_OPEN: set[str] = set()  # tokens of the pools of this process


class Pool:
    """Containers of one recipe on one engine.

    Args:
        engine: Where they run.
        recipe: What they have in common; the labels are added.
        size: How many wait at most.
    """

    def __init__(self, engine: Engine, recipe: Recipe, size: int) -> None:
        self.token = secrets.token_hex(8)
        labels = {LABEL: owner(), POOL_LABEL: self.token}
        hidden = tuple(engine.image(recipe.image).get("Config", {}).get("Volumes") or ())
        self.engine, self.recipe = engine, replace(recipe, labels=labels, volumes=hidden)
        self._size, self._process = size, os.getpid()
        self._changed = threading.Condition()
        self._live: dict[str, Container] = {}
        self._idle: list[Container] = []
        self._asked: deque[Shape] = deque(maxlen=2 * size)
        self._leftovers: set[str] = set()
        self._tasks: deque[Callable[[], None]] = deque([self._sweep_strangers])
        self._doomed: deque[str] = deque()
        self._making = 0
        self.closed = False
        self._workers = [threading.Thread(target=self._work, name="sandbox-pool", daemon=True) for _ in range(_WORKERS)]
        _OPEN.add(self.token)
        for worker in self._workers:
            worker.start()

    def take(self, shape: Shape, *, fill: bool = True) -> Container:
        """A container of this shape, for the caller alone.

        Args:
            shape: What the job needs.
            fill: More of this shape will be asked for.

        Raises:
            SandboxError: None can be made.
        """
        while True:
            with self._changed:
                self._asked.append(shape)
                container = next((one for one in self._idle if one.shape == shape), None)
                if container is not None:
                    self._idle.remove(container)
                if fill and not any(one.shape == shape for one in self._idle):
                    self._fill(shape)
            if container is None:
                return self._make(shape)
            if container.wire.quiet():
                return container
            self._destroy(container)

    def give_back(self, container: Container, *, fill: bool = True) -> None:
        """Destroy a container that was used."""
        self._destroy(container)
        with self._changed:
            if fill:
                self._fill(container.shape)
            help_out = self.closed or len(self._doomed) > _BACKLOG
        if help_out:
            self._remove_next()

    def close(self) -> None:
        """Remove all containers; does nothing in a fork of the process that made them."""
        if os.getpid() != self._process:
            return
        with self._changed:
            if self.closed:
                return
            self.closed = True
            self._tasks.clear()
            self._doomed.extend(self._live)
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for worker in self._workers:
            if worker is not threading.current_thread():
                worker.join()
        for container in idle:
            container.wire.close()
        self._sweep_own()
        _OPEN.discard(self.token)

    def abandon(self) -> None:
        """In a fork: let go of the parent's containers without touching them."""
        self.closed = True
        for container in list(self._live.values()):
            container.wire.close()

    def _make(self, shape: Shape) -> Container:
        container = make(self.engine, self.recipe, shape)
        with self._changed:
            self._live[container.name] = container
            if not self.closed:
                return container
        self._destroy(container)
        self._remove_next()
        raise SandboxError("the sandbox was closed while a run began")

    def _fill(self, shape: Shape) -> None:
        """Order containers of this shape until the pool is full; those go of shapes that nobody asks for any more."""
        if self.closed or not self._size:
            return
        unwanted = [one for one in self._idle if one.shape not in self._asked]
        if len(self._idle) == self._size and all(one.shape != shape for one in self._idle):
            unwanted = unwanted or self._idle[:1]
        for container in unwanted:
            self._idle.remove(container)
            self._destroy(container)
        while len(self._idle) + self._making < self._size:
            self._making += 1
            self._tasks.append(partial(self._stock, shape))
            self._changed.notify()

    def _stock(self, shape: Shape) -> None:
        container = None
        try:
            container = self._make(shape)
        finally:
            with self._changed:
                self._making -= 1
                if container is not None:
                    self._idle.append(container)

    def _destroy(self, container: Container) -> None:
        """Let a worker remove it."""
        container.wire.close()
        with self._changed:
            self._live.pop(container.name, None)
            self._doomed.append(container.name)
            self._changed.notify()

    def _remove_next(self) -> None:
        """Remove one container, or remember to: the engine may be away for a while."""
        with self._changed:
            if not self._doomed:
                return
            name = self._doomed.popleft()
        try:
            gone = self.engine.remove(name)
        except SandboxError:
            gone = False
        with self._changed:
            if gone:
                self._doomed.extend(self._leftovers)
                self._leftovers.clear()
            else:
                self._leftovers.add(name)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._doomed and not self._tasks:
                    if self.closed:
                        return
                    self._changed.wait()
                task = self._remove_next if self._doomed else self._tasks.popleft()
            try:
                task()
            except SandboxError:
                continue  # the next job meets the same failure, and tells of it

    def _sweep_own(self) -> None:
        try:
            for found in self.engine.labelled(f"{POOL_LABEL}={self.token}"):
                self.engine.remove(found["Id"])
        except SandboxError:
            return  # whoever starts next on this engine finds them by their label

    def _sweep_strangers(self) -> None:
        """Remove what killed processes left behind."""
        for found in self.engine.labelled(LABEL):
            labels: dict[str, str] = found.get("Labels") or {}
            whose = labels.get(LABEL, "")
            forgotten = whose == owner() and labels.get(POOL_LABEL) not in _OPEN
            if forgotten or is_dead(whose) or (found.get("State") == "exited" and self._stopped_long_ago(found["Id"])):
                self.engine.remove(found["Id"])

    def _stopped_long_ago(self, name: str) -> bool:
        state: dict[str, Any] = (self.engine.inspect(name) or {}).get("State", {})
        try:
            finished = datetime.fromisoformat(str(state.get("FinishedAt"))[:19]).replace(tzinfo=UTC)
        except ValueError:
            return False
        return (datetime.now(UTC) - finished).total_seconds() > _STOPPED_S
