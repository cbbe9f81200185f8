"""The zygote's loop: take jobs, hand each to a child that waits in its place, watch it, and send back how it ended.

One thread, so that forks are clean. Children are forked ahead, while others run. Output is drained as it comes and kept
up to the cap; processor time and memory of a run's whole tree are added up at intervals; a run over a limit is killed,
and with it, through its process namespace, all that it started.
"""

from __future__ import annotations

import gc
import importlib
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any

from . import interpreter, kernel, wire
from .lockdown import Lockdown
from .program import TICK_S, Child, Job, Program, Stream, Told
from .slots import Slot
from .stage import Stage
from .tree import Tree


class Server:
    """The loop.

    Args:
        control: The first channel; its end is the end of everything.
        stage: What was prepared.
        lockdown: The layers of a child.
        spare: Children to keep ready.
    """

    def __init__(self, control: socket.socket, stage: Stage, lockdown: Lockdown, spare: int) -> None:
        self.control, self.stage, self.lockdown, self.spare = control, stage, lockdown, spare
        self.separate = "pid_namespace" in stage.layers
        if not self.separate:  # what a run leaves behind becomes a child of this process, and is killed by it
            kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        self.poll = select.epoll()
        self.channels: dict[int, socket.socket] = {}
        self.streams: dict[int, tuple[Program, Stream]] = {}
        self.running: dict[int, Program] = {}
        self.waiting: list[Child] = []
        self.free: list[Slot] = []
        self.slots = 0
        self.disk_bytes = 64 * 2**20  # as the last job wanted it, since the next is likely to want the same
        self.add_channel(control)

    def serve(self) -> None:
        """Until the client is gone."""
        while True:
            self.refill()
            for fd, _ in self.poll.poll(TICK_S if self.running else None):
                if fd in self.streams:
                    program, stream = self.streams[fd]
                    if not program.drain(stream):
                        self.forget(stream)
                elif fd in self.running:
                    self.finish(self.running.pop(fd))
                elif fd in self.channels and not self.read(self.channels[fd]):
                    return
            if self.running:
                self.watch()

    def add_channel(self, channel: socket.socket) -> None:
        """Listen to one more client."""
        self.channels[channel.fileno()] = channel
        self.poll.register(channel.fileno(), select.EPOLLIN)

    def read(self, channel: socket.socket) -> bool:
        """Take one request; False when the client has gone."""
        try:
            message = wire.receive(channel)
        except wire.Closed:
            return self.hang_up(channel)
        if "programs" not in message.head:
            self.add_channel(socket.socket(fileno=message.fds[0]))
            return True
        job = Job(channel, message)
        try:
            self.start(job)
        except OSError as error:
            reasons = [Told(program.child.control).fault for program in job.programs]
            wire.answer(channel, {"fault": f"a program could not be started: {' '.join(reasons) or error}"})
            job.heads = []  # it is answered
            for program in job.programs:
                program.kill(None)
        return True

    def hang_up(self, channel: socket.socket) -> bool:
        """A client's channel has closed: what ran for it ends; False for the first channel."""
        self.poll.unregister(channel.fileno())
        del self.channels[channel.fileno()]
        for program in self.running.values():
            if program.job.channel is channel:
                program.kill(None)
        channel.close()
        return channel is not self.control

    def start(self, job: Job) -> None:
        """Give each program of a job a child, its pipes and its payload."""
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        handed = [null, *job.payloads, *job.stdin]
        try:
            inputs, outputs, kept = [*job.stdin, null, null], [null, null], [-1, -1]
            if len(job.heads) == 2:
                inputs[1], outputs[0] = os.pipe()
                inputs[0], outputs[1] = os.pipe()
                handed += [*inputs[:2], *outputs]
            else:
                kept[0], outputs[0] = os.pipe()
                handed.append(outputs[0])
            for index, head in enumerate(job.heads):
                errors, write_errors = os.pipe()
                handed.append(write_errors)
                worker = self.take_child(head["limits"]["disk_bytes"], python=head["python"])
                worker.slot.allow(head["limits"], self.lockdown.resident)
                program = Program(job, index, worker, kept[index], errors)
                job.programs.append(program)
                self.listen(program)
                wire.send(worker.control, head, [inputs[index], outputs[index], write_errors, job.payloads[index]])
        finally:
            for fd in handed:
                os.close(fd)

    def take_child(self, disk_bytes: int, *, python: bool) -> Child:
        """A child with a working directory of this size; those that wait are for Python."""
        if not (python and self.waiting):
            return self.fork_one(disk_bytes, python=python)
        worker, self.disk_bytes = self.waiting.pop(0), disk_bytes
        worker.slot.make_ready(disk_bytes)
        return worker

    def refill(self) -> None:
        """Fork ahead."""
        while len(self.waiting) < self.spare:
            self.waiting.append(self.fork_one(self.disk_bytes, python=True))

    def fork_one(self, disk_bytes: int, *, python: bool) -> Child:
        """One more child, in a free slot."""
        if not self.free:
            self.free.append(Slot(self.stage, self.slots))
            self.slots += 1
        slot = self.free.pop()
        slot.make_ready(disk_bytes)
        gc.freeze()  # what is here now is no concern of the child's collector
        return Child(slot, self.lockdown, separate=self.separate, python=python)

    def listen(self, program: Program) -> None:
        """Watch the streams and the end of a program."""
        for stream in program.streams:
            self.streams[stream.pipe] = (program, stream)
            self.poll.register(stream.pipe, select.EPOLLIN)
        self.running[program.child.pidfd] = program
        self.poll.register(program.child.pidfd, select.EPOLLIN)

    def forget(self, stream: Stream) -> None:
        """Stop watching a stream."""
        if self.streams.pop(stream.pipe, None) is not None:
            self.poll.unregister(stream.pipe)

    def watch(self) -> None:
        """Deadlines, and what the trees of processes use."""
        now = time.monotonic()
        for program in self.running.values():
            if program.limit is not None:
                continue
            if now >= program.deadline:
                program.kill("wall")
            elif now >= program.next_look and self.stage.sees_processes:
                program.looked_at(now)
                tree = Tree(self.stage.proc, program.child.pid)
                program.peak = max(program.peak, tree.memory_bytes)
                program.cpu_s = max(program.cpu_s, tree.cpu_s)
                if tree.cpu_s > program.limits["cpu_s"]:
                    program.kill("cpu")
                elif self.too_large(program, tree):
                    program.kill("memory")

    def too_large(self, program: Program, tree: Tree) -> bool:
        """Whether a tree uses more memory than allowed, where the limit of each process alone does not say so."""
        limit = int(program.limits["memory_bytes"]) + self.lockdown.resident
        if tree.memory_bytes <= limit or (len(tree.pids) == 1 and not program.head["reserves"]):
            return False
        return tree.exclusive_memory_bytes() > limit

    def finish(self, program: Program) -> None:
        """A program has ended: take the rest, reap, and answer when its peer has ended too."""
        worker = program.child
        self.poll.unregister(worker.pidfd)
        for stream in program.streams:
            program.drain(stream)
            self.forget(stream)
        _, status, usage = os.wait4(worker.pid, 0)
        if not self.separate:
            Tree(self.stage.proc, os.getpid()).kill_strangers(self.known())
        seconds = usage.ru_utime + usage.ru_stime
        answer = program.end(status, seconds, usage.ru_maxrss * 1024, separate=self.separate)
        outputs = [-1 if program.stdout is None else program.stdout.taken(), program.stderr.taken()]
        found = worker.slot.collect(program.head["collect"], program.limits["file_bytes"])
        answer["outputs"] = [fd >= 0 for fd in outputs]
        answer["collected"] = [number for number, _ in found]
        program.files = [fd for fd in (*outputs, *(fd for _, fd in found)) if fd >= 0]
        program.answer = answer
        worker.close()
        self.free.append(worker.slot)
        if program.job.ended:
            self.reply(program.job)

    def known(self) -> set[int]:
        """Process ids of all children that are meant to be there."""
        return {program.child.pid for program in self.running.values()} | {worker.pid for worker in self.waiting}

    def reply(self, job: Job) -> None:
        """Send the results; a client that has gone meanwhile does not matter."""
        answers: list[Any] = [program.answer for program in job.programs]
        faults = [answer["fault"] for answer in answers if "fault" in answer]
        files = [fd for program in job.programs for fd in program.files]
        try:
            wire.answer(job.channel, {"fault": faults[0]} if faults else {"results": answers}, [] if faults else files)
        except OSError:
            return
        finally:
            for fd in files:
                os.close(fd)


def main() -> None:
    """Prepare everything, say so, and serve."""
    control = socket.socket(fileno=int(sys.argv[1]))
    config = wire.receive(control).head
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # every run at the same time takes a handful here
    stage = Stage(config["without"], config["paths"])
    stage.enter()
    sys.path[:] = [*map(os.path.realpath, sys.path[1:]), *config["packages"]]
    for name in config["preload"]:
        importlib.import_module(name)
    try:
        lockdown = Lockdown(stage, [*sys.path, *config["libraries"]])
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
        os._exit(1)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    server = Server(control, stage, lockdown, config["spare"])
    wire.answer(control, {"layers": stage.layers, "missing": stage.missing})
    interpreter.prepare()
    gc.collect()
    gc.disable()
    try:
        server.serve()
    finally:
        for program in server.running.values():
            program.kill(None)
        for worker in server.waiting:
            signal.pidfd_send_signal(worker.pidfd, signal.SIGKILL)
    os._exit(0)
