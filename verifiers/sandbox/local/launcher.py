"""The process between a sandbox and its program: starts it under its limits, watches its tree, tells how it ended.

Not imported but run as text, `python -I -S -c TEXT SETTINGS PROGRAM ARGUMENT…`: by bubblewrap as the first process of
its namespace, else as a plain process. There is such a process at all because `preexec_fn` is not safe beside threads,
and because only the parent of a program learns its wait status. It is Python, since that is the one tool which is
surely there. `prlimit`, `setpriv` and a shell in its place would take 2.4 ms to start, and not 13 (medians of 25); yet
no shell tells exit status 137 from SIGKILL, and the options of these tools differ between systems. To keep it at 13,
only small built-in modules are imported: `json`, `signal` or `typing` would add as much as the interpreter itself.

The other end of the control socket is `supervisor.py`. It is told `ready CPU_S`, with a descriptor of the working
directory, and then, after one byte back, `fault TEXT` or `end STATUS LIMIT CPU_S WALL_S PEAK_BYTES`. When it closes,
the program ends.
"""

import _signal  # type: ignore[import-not-found]
import _socket
import os
import resource
import select
import sys
import time

_FIRST_TICK_S, _TICK_S = 0.004, 0.025  # a program that forks without end gets far in little time
_KILL_S = 4.0  # of trying; a program that forks on and on may be quicker where there is no namespace around it
_ALONE_S = 15.0  # beyond the wall limit, when the other end is gone and yet some fork of it keeps the socket open
_STORED_TICKS = 10  # between two looks at a folder on disk, which takes longer
_MOST_FILES = 2**16  # an empty file takes no space and yet memory of the kernel
_PAGE = resource.getpagesize()
_CLOCK = os.sysconf("SC_CLK_TCK")
_SUBREAPER, _NO_NEW_PRIVS, _CAPBSET_DROP, _PDEATHSIG = 36, 38, 24, 1
_NEW_PID_NAMESPACE = 0x20000000
_LINUX = sys.platform == "linux"

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes

Settings = dict[str, int]


def main() -> None:
    """Everything, from the command line to the last report."""
    settings = {name: int(value) for name, _, value in (word.partition("=") for word in sys.argv[1].split())}
    control = _socket.socket(fileno=settings["control"])
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    _signal.signal(_signal.SIGCHLD, _note)
    _signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)  # of all signals the one that Python itself would hear
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    if not settings["first"] and _LINUX:
        try:
            _prepare(settings)
        except OSError as error:
            control.send(f"fault {error}\n".encode())
            os._exit(1)
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, here.to_bytes(4, sys.byteorder))
    control.sendmsg([f"ready {_seconds(resource.RUSAGE_SELF)}\n".encode()], [rights])
    if not control.recv(1):
        os._exit(0)
    watch = Watch(settings, here, *_start(settings, sys.argv[2:], control))
    tick, started = _FIRST_TICK_S, time.monotonic()
    next_look, deadline = started + tick, started + settings["wall_ms"] / 1000 + _ALONE_S
    while watch.reap() and not watch.ended:
        ready = select.select([wake, control.fileno()], [], [], max(0.0, next_look - time.monotonic()))[0]
        if wake in ready:
            os.read(wake, 4096)
        now = time.monotonic()
        if control.fileno() in ready or now > deadline:
            break
        if now >= next_look:
            if watch.over():
                break
            tick = min(2 * tick, _TICK_S)
            next_look = time.monotonic() + tick
    wall_s = time.monotonic() - started
    watch.end()
    peak = max(watch.peak, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1024 if _LINUX else 1))
    cpu_s = max(watch.cpu_s, _seconds(resource.RUSAGE_CHILDREN))
    control.send(f"end {watch.status} {watch.limit or '-'} {cpu_s} {wall_s} {peak}\n".encode())
    os._exit(0)  # without the time that Python takes to clean up


def _note(number: int, frame: object) -> None:
    """A handler, so that the signal wakes `select`."""


def _seconds(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def _prepare(settings: Settings) -> None:
    """Outside of bubblewrap: have the whole tree within reach, and let no program in it regain privileges.

    What root starts gets a namespace of processes, for one `kill(-1)` there would end all that runs on the machine.
    """
    libc = _libc()
    libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    for capability in range(64):
        libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0)
    if settings["apart"]:
        if libc.unshare(_NEW_PID_NAMESPACE):
            raise PermissionError("as root, a program could end all others, and there can be no namespace around it")
        try:
            os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        except OSError:
            return  # then the watch waits its turn


def _libc() -> "ctypes.CDLL":
    """Loaded where it is needed, which takes 4 ms."""
    import ctypes

    return ctypes.CDLL(None)


def _start(settings: Settings, command: list[str], control: _socket.socket) -> tuple[int, int]:
    """Start the program; its process id, and a descriptor that tells its status where another process is between."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid:
        for fd in (tell, *(settings[name] for name in ("stdin", "stdout", "stderr"))):
            os.close(fd)
        return pid, told
    try:
        if not settings["first"] and _LINUX:
            _libc().prctl(_PDEATHSIG, _signal.SIGKILL, 0, 0, 0)
        if settings["apart"]:
            _stay_between(settings, tell)
        _confine(settings)
    except (OSError, ValueError) as error:
        control.send(f"fault {error}\n".encode())
        os._exit(1)
    try:
        os.closerange(3, 65536)
        _limit(settings)
        os.execvp(command[0], command)
    except (OSError, MemoryError) as error:
        os.write(2, f"{command[0]}: {error}\n".encode(errors="replace"))
    os._exit(127)


def _stay_between(settings: Settings, tell: int) -> None:
    """As the first process of a namespace, start the program and end with it; returns in the program's process."""
    program = os.fork()
    if not program:
        return
    for fd in range(3, 256):
        if fd != tell:
            _close(fd)
    while True:
        pid, status = os.wait()
        if pid == program:
            os.write(tell, str(status).encode())
            os._exit(0)


def _close(fd: int) -> None:
    try:
        os.close(fd)
    except OSError:
        return


def _confine(settings: Settings) -> None:
    """All that must work before the program may start."""
    os.setsid()
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.dup2(settings[name], number)
    os.umask(0o022)
    for ignored in (_signal.SIGINT, _signal.SIGPIPE, _signal.SIGXFSZ):  # what is ignored would stay so
        _signal.signal(ignored, _signal.SIG_DFL)
    _go_first()
    if settings["count"]:
        settings["processes"] += _tasks(os.getuid())
    if settings["processes"] > 0:
        _lower("RLIMIT_NPROC", settings["processes"])
    if settings["uid"] > 0:
        os.setgroups([])
        os.setgid(settings["uid"])
        os.setuid(settings["uid"])


def _go_first() -> None:
    """Where the machine runs out of memory, let the kernel choose this process before that of the caller."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        return


def _limit(settings: Settings) -> None:
    """The limits that could fail what comes before the program."""
    _lower("RLIMIT_CPU", settings["cpu_s"], 1)
    _lower("RLIMIT_FSIZE", settings["file_bytes"])
    _lower("RLIMIT_NOFILE", settings["open_files"])
    for name in ("RLIMIT_CORE", "RLIMIT_MSGQUEUE", "RLIMIT_MEMLOCK"):
        _lower(name, 0)
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    resource.setrlimit(resource.RLIMIT_STACK, (hard, hard))  # deep recursion is no fault; memory is limited by itself
    if _LINUX:  # elsewhere it has no effect, or is refused
        _lower("RLIMIT_DATA" if settings["reserves"] else "RLIMIT_AS", settings["space"])


def _lower(name: str, value: int, grace: int = 0) -> None:
    """Set a limit, or keep the one that is in force where that is lower. A system may lack one."""
    number = getattr(resource, name, None)
    if number is not None:
        hard = resource.getrlimit(number)[1]
        soft = value if hard < 0 else min(value, hard)
        resource.setrlimit(number, (soft, soft + grace if hard < 0 else min(soft + grace, hard)))


def _tasks(uid: int) -> int:
    """Processes and threads that a user has on this machine; the kernel's limit counts them all."""
    count = 0
    for name in _listed("/proc"):
        try:
            status = os.stat(f"/proc/{name}/task") if name.isdigit() else None
        except OSError:
            continue
        if status is not None and status.st_uid == uid:
            count += status.st_nlink - 2
    return count


class Watch:
    """Adds up what a program and all that it started use, and ends them.

    Args:
        settings: From the command line.
        folder: Descriptor of the working directory.
        program: Its process id, or that of the process between.
        told: Tells the status of the program where there is a process between.
    """

    def __init__(self, settings: Settings, folder: int, program: int, told: int) -> None:
        self.settings, self.folder, self.program, self.told = settings, folder, program, told
        self.status = int(_signal.SIGKILL)  # until it is known
        self.ended = False
        self.limit = ""
        self.peak = self.ticks = 0
        self.sees = _LINUX and os.readlink("/proc/self") == str(os.getpid())  # else /proc counts from elsewhere
        self.cpu_s = 0.0

    def reap(self) -> bool:
        """Reap what has ended; whether anything is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == self.program:
                self.ended = True
                self.status = int(os.read(self.told, 32) or _signal.SIGKILL) if self.settings["apart"] else status
            if not pid:
                return True

    def over(self) -> str:
        """The limit that is exceeded, if any."""
        settings = self.settings
        pids = self._tree()
        ticks = tasks = memory = 0
        for pid in pids:
            fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()  # the name in front may hold anything
            if len(fields) > 21:
                ticks += sum(map(int, fields[11:15]))
            if len(fields) > 21 and not (settings["apart"] and pid == self.program):
                tasks += int(fields[17])
                memory += int(fields[21]) * _PAGE
        if memory > settings["memory_bytes"] and len(pids) > 1:
            memory = min(memory, _exclusive(pids))
        self.peak = max(self.peak, memory)
        self.cpu_s = max(self.cpu_s, ticks / _CLOCK + _seconds(resource.RUSAGE_CHILDREN))
        if self.cpu_s > settings["cpu_ms"] / 1000:
            self.limit = "cpu"
        elif memory > settings["memory_bytes"]:
            self.limit = "memory"
        elif tasks > settings["tasks"]:
            self.limit = "processes"
        elif self._stored():
            self.limit = "file"
        return self.limit

    def end(self) -> None:
        """Kill all that is left, until nothing is."""
        if not self.sees:  # nothing tells who belongs to the tree
            _send(-self.program, _signal.SIGKILL)
        deadline = time.monotonic() + _KILL_S
        if not self.settings["first"] and not self.settings["apart"]:
            self._freeze(deadline)
        while self.reap() and (now := time.monotonic()) < deadline:
            for pid in [-1] if self.settings["first"] else self._tree():
                # The process between is left its time to reap, so that nothing which was used is forgotten.
                if not (self.settings["apart"] and pid == self.program and now < deadline - _KILL_S / 2):
                    _send(pid, _signal.SIGKILL)
            time.sleep(0.001)

    def _freeze(self, deadline: float) -> None:
        """Stop all processes, and those that they start meanwhile: what is stopped forks no more."""
        stopped: set[int] = set()
        while time.monotonic() < deadline and (found := set(self._tree()) - stopped):
            for pid in found:
                _send(pid, _signal.SIGSTOP)
            stopped |= found

    def _tree(self) -> list[int]:
        if self.settings["first"]:
            return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]
        found: list[int] = []
        todo = [os.getpid()] if self.sees else []
        while todo:
            pid = todo.pop()
            for thread in _listed(f"/proc/{pid}/task"):
                children = [int(word) for word in _text(f"/proc/{pid}/task/{thread}/children").split()]
                found += children
                todo += children
        return found

    def _stored(self) -> bool:
        """Whether the working directory holds too much."""
        most = self.settings["disk_bytes"]
        if self.settings["first"]:
            used = os.fstatvfs(self.folder)  # not by name: the program may have taken away every permission
            return used.f_files - used.f_ffree > _MOST_FILES or (used.f_blocks - used.f_bfree) * used.f_frsize > most
        self.ticks += 1
        if self.ticks % _STORED_TICKS:
            return False
        size, count, todo = 0, 0, ["."]
        while todo and size <= most and count <= _MOST_FILES:
            try:
                with os.scandir(todo.pop()) as entries:
                    for entry in entries:
                        count += 1
                        size += entry.stat(follow_symlinks=False).st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            todo.append(entry.path)
            except OSError:
                continue
        return size > most or count > _MOST_FILES


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        return


def _exclusive(pids: list[int]) -> int:
    """Resident memory with each shared page counted once; dearer to find."""
    lines = (line for pid in pids for line in _text(f"/proc/{pid}/smaps_rollup").splitlines())
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _listed(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _text(path: str) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(fd, 1 << 14).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(fd)


if __name__ == "__main__":
    main()
