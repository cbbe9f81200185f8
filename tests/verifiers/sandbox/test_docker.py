"""The Docker back end on a real engine: what a program may do works, what it may not fails, and nothing of it stays."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rlvr_gym.verifiers.errors import ConfigError
from rlvr_gym.verifiers.sandbox import LANGUAGES, Language, Limits, RunResult, RunSpec, SandboxError, make_sandbox
from rlvr_gym.verifiers.sandbox.base import Job
from rlvr_gym.verifiers.sandbox.docker import agent
from rlvr_gym.verifiers.sandbox.docker.api import Engine as Api
from rlvr_gym.verifiers.sandbox.docker.api import default_host
from rlvr_gym.verifiers.sandbox.docker.back_end import Docker
from rlvr_gym.verifiers.sandbox.docker.container import LABEL, POOL_LABEL, Recipe, Shape, is_dead, make, owner
from rlvr_gym.verifiers.sandbox.docker.probe import judge
from rlvr_gym.verifiers.sandbox.docker.wire import Wire


def _beside(name: str) -> ModuleType:
    """A module that lies beside this one; test folders are no packages."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


docker_engine = _beside("docker_engine")
IMAGE: str = docker_engine.IMAGE
engine, own_engine = docker_engine.engine, docker_engine.own_engine
Engine = Any  # docker_engine.Engine

pytestmark = [
    pytest.mark.xdist_group("docker"),
    pytest.mark.skipif(sys.platform != "linux", reason="the test engine needs Linux"),
]
TIGHT = Limits(cpu_s=2, wall_s=20, memory_bytes=64 * 2**20, processes=16, disk_bytes=8 * 2**20)


@pytest.fixture(scope="module")
def docker(engine: Engine) -> Iterator[Docker]:
    with Docker(image=IMAGE, host=engine.host, pool=2) as sandbox:
        yield sandbox


def run(sandbox: Docker, code: str, /, **settings: Any) -> RunResult:
    return sandbox.run(RunSpec(code, **{"limits": TIGHT, **settings}))


def label_of(sandbox: Docker) -> str:
    """What the containers of its pool have in common."""
    sandbox.isolation()
    assert sandbox._started is not None
    return f"{POOL_LABEL}={sandbox._started.pool.token}"


def eventually(holds: Callable[[], bool], within_s: float = 10.0) -> bool:
    until = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


# --- Streams and status --------------------------------------------------------------------------------------------


def test_a_program_reads_stdin_and_arguments_and_writes_both_streams(docker: Docker) -> None:
    code = "import sys; print(input()[::-1], sys.argv[1:]); print('oh', file=sys.stderr); sys.exit(3)"
    result = run(docker, code, stdin="abc", argv=("-x", "ü y"))
    assert (result.stdout.decode(), result.stderr, result.exit_code) == ("cba ['-x', 'ü y']\n", b"oh\n", 3)
    assert (result.signal, result.limit, result.phase, result.peer) == (None, None, "run", None)


@pytest.mark.parametrize(
    ("code", "exit_code", "number"),
    [
        ("import os; os._exit(0)", 0, None),
        ("import os; os._exit(137)", 137, None),
        ("import os; os.kill(os.getpid(), 9)", None, signal.SIGKILL),
        ("import os; os.kill(os.getpid(), 15)", None, signal.SIGTERM),
        ("import ctypes; ctypes.string_at(0)", None, signal.SIGSEGV),
        ("import os; os.abort()", None, signal.SIGABRT),
        ("1 / 0", 1, None),
    ],
)
def test_exit_codes_and_signals_are_told_apart(
    docker: Docker, code: str, exit_code: int | None, number: int | None
) -> None:
    result = run(docker, code)
    assert (result.exit_code, result.signal, result.limit) == (exit_code, number, None)


def test_cpu_wall_and_memory_are_measured(docker: Docker) -> None:
    code = "import os, time\nx = bytearray(30_000_000)\nt = time.time()\nwhile time.process_time() < 0.4: pass\n"
    result = run(docker, code + "time.sleep(0.3)")
    assert 0.4 <= result.cpu_s < 0.8
    assert 0.6 < result.wall_s < 20
    assert 30_000_000 < result.peak_memory_bytes < 60_000_000


def test_processor_time_of_orphans_counts(docker: Docker) -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    code = f"import signal, subprocess, sys\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n{busy}\n"
    code += f"subprocess.run([sys.executable, '-c', {busy!r}])"
    assert run(docker, code).cpu_s >= 0.6


def test_much_input_and_output_at_once_do_not_block(docker: Docker) -> None:
    code = "import sys\nfor line in sys.stdin.buffer:\n sys.stdout.buffer.write(line)\n sys.stderr.buffer.write(line)"
    text = (b"x" * 99 + b"\n") * 40_000
    result = run(docker, code, stdin=text, limits=replace(TIGHT, output_bytes=len(text), cpu_s=4, wall_s=10))
    assert result.ok, result.limit
    assert result.stdout == result.stderr == text


@pytest.mark.parametrize("code", ["print(1)", "import os; os.close(0); import time; time.sleep(0.2); print(1)"])
def test_a_program_need_not_read_its_input(docker: Docker, code: str) -> None:
    result = run(docker, code, stdin=b"x" * 3_000_000)
    assert (result.exit_code, result.stdout) == (0, b"1\n")


def test_the_end_of_input_is_seen(docker: Docker) -> None:
    assert run(docker, "import sys; print(sys.stdin.read())").stdout == b"\n"


def test_output_may_be_as_long_as_the_limit(docker: Docker) -> None:
    result = run(docker, "print('x' * 99)", limits=replace(TIGHT, output_bytes=100))
    assert (result.exit_code, len(result.stdout), result.limit) == (0, 100, None)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_program_that_writes_too_much_is_killed(docker: Docker, stream: str) -> None:
    code = f"import sys\nwhile True: sys.{stream}.write('x' * 1000)"
    result = run(docker, code, limits=replace(TIGHT, output_bytes=5000))
    assert (result.limit, getattr(result, stream)) == ("output", b"x" * 5000)
    assert result.wall_s < 10


# --- Limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(60)",
        "import os; os.kill(os.getpid(), 19)",
        "import signal, time\nfor n in range(1, 65):\n  try: signal.signal(n, signal.SIG_IGN)\n"
        "  except (OSError, ValueError): pass\ntime.sleep(60)",
        "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
    ],
)
def test_the_wall_clock_ends_it(docker: Docker, code: str) -> None:
    began = time.monotonic()
    result = run(docker, code, limits=replace(TIGHT, wall_s=0.7, cpu_s=60))
    assert (result.limit, result.exit_code, result.signal) == ("wall", None, signal.SIGKILL)
    assert 0.6 < result.wall_s < 5
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("forks", [0, 2])
def test_processor_time_is_limited_for_all_processes_together(docker: Docker, forks: int) -> None:
    code = f"import os\nfor _ in range({forks}): os.fork()\nwhile True: pass"
    result = run(docker, code, limits=replace(TIGHT, cpu_s=0.5, wall_s=10))
    assert (result.limit, result.exit_code) == ("cpu", None)
    assert 0.4 < result.cpu_s < 1.5


@pytest.mark.parametrize(
    "code",
    [
        "x = []\nwhile True: x.append(bytearray(10**6))",
        "bytearray(2**46)",
        "import os, mmap\nm = mmap.mmap(-1, 2**28)\nfor i in range(0, 2**28, 4096): m[i] = 1",
        "f = open('/dev/shm/x', 'wb')\nx = bytearray(60 * 2**20)\nwhile True: f.write(bytes(10**6)); f.flush()",
    ],
)
def test_memory_is_limited(docker: Docker, code: str) -> None:
    limits = replace(TIGHT, file_bytes=2**30, disk_bytes=2**28) if "shm" in code else TIGHT
    result = run(docker, code, limits=limits)
    assert (result.limit, result.ok) == ("memory", False)


def test_memory_is_limited_for_all_processes_together(docker: Docker) -> None:
    code = "import os, time\nfor _ in range(5):\n  if os.fork() == 0: x = bytearray(30 * 2**20); time.sleep(9)\n"
    code += "sys = __import__('sys')\nfor _ in range(5):\n  if os.wait()[1]: sys.exit(1)"
    assert run(docker, code).limit == "memory"


def test_a_program_may_use_the_memory_that_it_is_given(docker: Docker) -> None:
    assert run(docker, "x = b'1' * (44 * 2**20); print(len(x))").ok


@pytest.mark.parametrize(
    "code",
    [
        "import os\nwhile True: os.fork()",
        "import threading as t, time\nfor _ in range(99): t.Thread(target=time.sleep, args=(9,), daemon=True).start()",
    ],
)
def test_processes_and_threads_are_limited(docker: Docker, code: str) -> None:
    result = run(docker, code)
    assert (result.exit_code, result.limit) == (1, "processes")


def test_as_many_processes_as_allowed_can_run(docker: Docker) -> None:
    code = "import os\nn = 0\ntry:\n  while True:\n    if os.fork() == 0: __import__('time').sleep(9)\n    n += 1\n"
    assert run(docker, code + "except OSError: print(n + 1)").stdout == b"16\n"


def test_one_file_is_limited(docker: Docker) -> None:
    limits = replace(TIGHT, file_bytes=10_000)
    result = run(docker, 'open(F, ">big"); while (1) { print F "x" x 1000 }', language="perl", limits=limits)
    assert (result.limit, result.signal) == ("file", signal.SIGXFSZ)
    told = run(docker, "open('big', 'wb', 0).write(bytes(20_000))", collect=("big",), limits=limits)
    assert len(told.files["big"]) == 10_000


def test_the_disk_is_limited(docker: Docker) -> None:
    code = "import os\nn = 0\ntry:\n  while True:\n    n += open(str(n), 'wb', 0).write(bytes(10**6))\n"
    result = run(docker, code + "except OSError as e: print(e.errno, n)")
    number, written = map(int, result.stdout.split())
    assert (number, written <= TIGHT.disk_bytes) == (28, True)


def test_the_number_of_files_is_limited(docker: Docker) -> None:
    code = "n = 0\ntry:\n  while True: open(f'f{n}', 'w').close(); n += 1\nexcept OSError as e: print(e.errno)"
    assert run(docker, code).stdout == b"28\n"


def test_open_files_are_limited(docker: Docker) -> None:
    code = "import os\nn = 3\ntry:\n  while True: n = os.dup(0)\nexcept OSError as e: print(e.errno, n)"
    assert run(docker, code, limits=replace(TIGHT, open_files=20)).stdout == b"24 19\n"


@pytest.mark.parametrize(
    "limits",
    [
        Limits(*[2.0**61] * 2, *[2**61] * 6),
        Limits(memory_bytes=16 * 2**20, processes=1, disk_bytes=4096, open_files=8, file_bytes=512),
    ],
)
def test_extreme_limits_are_no_failure(docker: Docker, limits: Limits) -> None:
    result = run(docker, "print(1)", limits=limits)
    assert (result.stdout, result.ok) == (b"1\n", True)


# --- Files ---------------------------------------------------------------------------------------------------------


def test_files_are_brought_in_and_out(docker: Docker) -> None:
    code = "import pathlib as p\np.Path('a/out').write_bytes(p.Path('a/b/in').read_bytes() * 2)\nopen('empty', 'w')"
    result = run(docker, code, files={"a/b/in": bytes(range(256)) * 500}, collect=("a/out", "empty", "none"))
    assert result.files == {"a/out": bytes(range(256)) * 1000, "empty": b""}


def test_only_regular_files_below_the_working_directory_come_back(docker: Docker) -> None:
    code = """import os
os.symlink('/etc/passwd', 'link'); os.mkdir('folder'); os.symlink('/etc', 'out'); os.mkfifo('pipe')
os.symlink('folder', 'inside'); open('folder/x', 'w').write('x')
"""
    names = ("link", "folder", "out/passwd", "pipe", "large", "inside/x", "folder/x", "main.py/x")
    large = {"large": bytes(2**20 + 1)}
    result = run(docker, code, collect=names, files=large, limits=replace(TIGHT, file_bytes=2**20))
    assert result.ok, result.stderr
    assert result.files == {"folder/x": b"x"}


def test_files_come_back_from_a_program_that_was_killed(docker: Docker) -> None:
    code = "open('a', 'w').write('kept')\nwhile True: pass"
    assert run(docker, code, collect=("a",), limits=replace(TIGHT, cpu_s=0.3)).files == {"a": b"kept"}


def test_nothing_that_a_program_started_outlives_it(docker: Docker) -> None:
    code = """import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for n in range(100): open('count', 'w').write(str(n)); print(n, flush=True); time.sleep(0.02)
time.sleep(0.2)
os._exit(0)
"""
    result = run(docker, code, collect=("count",))
    assert result.ok
    assert int(result.stdout.split()[-1]) < 50
    assert abs(int(result.files["count"]) - int(result.stdout.split()[-1])) <= 1


def test_a_stream_that_a_program_keeps_open_beyond_its_death_holds_nothing_up(docker: Docker) -> None:
    code = """import os, socket
a, b = socket.socketpair(); c, d = socket.socketpair()
for held, through in ((1, a), (2, a), (c.fileno(), a), (d.fileno(), a), (a.fileno(), c), (b.fileno(), c)):
    socket.send_fds(through, [b'x'], [held])
print('x' * 100_000)
"""
    result = run(docker, code)
    assert (len(result.stdout), result.exit_code) == (100_001, 0)
    assert result.wall_s < 5


def test_files_that_do_not_fit_are_the_callers_mistake(docker: Docker) -> None:
    with pytest.raises(SandboxError, match="disk_bytes"):
        run(docker, "print(1)", files={"big": bytes(9 * 2**20)})


# --- Languages -----------------------------------------------------------------------------------------------------


def test_languages_are_those_of_the_image(docker: Docker) -> None:
    assert docker.languages() == ["python", "bash", "perl"]
    assert run(docker, "echo $((6 * 7)); exit 4", language="bash").exit_code == 4
    with pytest.raises(SandboxError, match="cannot run javascript here: it needs node"):
        run(docker, "console.log(1)", language="javascript")
    with pytest.raises(SandboxError, match=r"could not start 'go'.*language 'go'"):
        docker.execute(Job(LANGUAGES["go"], ("go", "version"), {}, b"", (), TIGHT))


def test_a_compiler_runs_with_limits_of_its_own_and_its_program_with_those_of_the_spec(
    docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = (
        "head -c 70000000 /dev/zero > scratch && grep -q ok main.toy && { echo '#!/bin/sh'; cat main.toy; } > main"
    )
    monkeypatch.setitem(LANGUAGES, "toy", Language("toy", "main.toy", ("./main",), ("sh", "-c", compiler), "main"))
    result = run(docker, "echo ok $1", language="toy", argv=("x",))
    assert (result.stdout, result.phase, result.ok) == (b"ok x\n", "run", True)
    refused = run(docker, "echo no", language="toy")
    assert (refused.phase, refused.exit_code, refused.ok) == ("compile", 1, False)
    broken = docker.run(RunSpec(language="toy", files={"main": b"\x00"}, limits=TIGHT))
    assert (broken.exit_code, broken.ok) == (126, False)


# --- Peers ---------------------------------------------------------------------------------------------------------

GUESSER = """lo, hi = 1, 1000
while True:
    n = (lo + hi) // 2
    print(n, flush=True)
    answer = input()
    if answer == 'right': break
    lo, hi = (n + 1, hi) if answer == 'more' else (lo, n - 1)
"""
JUDGE = """import sys
n = 0
for line in sys.stdin:
    n += 1
    print('right' if int(line) == 777 else 'more' if int(line) < 777 else 'less', flush=True)
print(n, 'tries', file=sys.stderr)
open('score', 'w').write(str(n))
"""


def pair(
    sandbox: Docker, code: str, other: str, limits: Limits = TIGHT, **settings: Any
) -> tuple[RunResult, RunResult]:
    result = sandbox.run(RunSpec(code, limits=limits, peer=RunSpec(other, **{"limits": limits, **settings})))
    assert result.peer is not None
    assert result.stdout == result.peer.stdout == b""
    return result, result.peer


def test_two_programs_talk_to_each_other(docker: Docker) -> None:
    guesser, judge = pair(docker, GUESSER, JUDGE, collect=("score",))
    assert guesser.ok, guesser.stderr
    assert judge.ok, judge.stderr
    assert judge.stderr == judge.files["score"] + b" tries\n"
    assert (guesser.stderr, guesser.files) == (b"", {})


def test_much_flows_between_peers_and_each_end_is_seen(docker: Docker) -> None:
    sender = "import os, sys\nfor _ in range(300): sys.stdout.write('x' * 9999 + '\\n')\n"
    sender += "sys.stdout.flush(); os.close(1); sys.stderr.write(sys.stdin.read()); os._exit(0)"
    receiver = "import sys, time\ntime.sleep(0.3)\nprint(sum(map(len, sys.stdin)))"
    one, other = pair(docker, sender, receiver)
    assert (one.stderr, one.exit_code, other.exit_code) == (b"3000000\n", 0, 0)


def test_a_peer_that_does_not_read_holds_the_other_up(docker: Docker) -> None:
    flood = "import os\nwhile True: os.write(1, b'x' * 65536)"
    one, other = pair(docker, flood, "import time; time.sleep(0.5)", limits=replace(TIGHT, cpu_s=1))
    assert other.ok
    assert (one.signal, one.limit) == (None, None)
    assert b"BrokenPipeError" in one.stderr


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("pass", b"0"),
        ("import os; os.kill(os.getpid(), 9)", b"0"),
        ("print('abc', flush=True)\nwhile True: pass", b"4"),
    ],
)
def test_a_peer_that_ends_is_seen_by_the_other(docker: Docker, code: str, seen: bytes) -> None:
    limits = replace(TIGHT, cpu_s=0.5)
    _, other = pair(docker, code, "import sys; sys.stderr.write(str(len(sys.stdin.read())))", limits)
    assert (other.ok, other.stderr) == (True, seen)


def test_peers_that_wait_for_each_other_end_by_the_clock(docker: Docker) -> None:
    one, other = pair(docker, "input()", "input()", limits=replace(TIGHT, wall_s=0.5))
    assert "wall" in (one.limit, other.limit)


def test_each_peer_has_limits_of_its_own(docker: Docker) -> None:
    spec = RunSpec("import time; time.sleep(0.6)", limits=TIGHT)
    result = docker.run(replace(spec, peer=replace(spec, limits=replace(TIGHT, wall_s=0.3))))
    assert result.peer is not None
    assert (result.limit, result.peer.limit) == (None, "wall")


# --- Isolation -----------------------------------------------------------------------------------------------------


def test_isolation_is_what_was_seen_inside(docker: Docker) -> None:
    found = docker.isolation()
    assert found.level == "isolated"
    assert set(found.missing) == {"user_namespace", "own_kernel"}
    assert set(found.layers) == {
        *("session", "clean_env", "closed_fds", "rlimits", "cgroup", "private_tmp", "read_only_root", "uid"),
        *("mount_namespace", "pid_namespace", "network_namespace", "ipc_namespace", "uts_namespace"),
        *("no_capabilities", "no_new_privs", "seccomp"),
    }
    assert run(docker, "pass").isolation == found


WEAK_CPUS = 0.75


def test_a_layer_that_is_not_there_is_not_reported(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def weakened(self: Recipe, shape: Shape) -> dict[str, Any]:
        body = strong(self, shape)
        if self.cpus != WEAK_CPUS:  # the pools of other tests go on meanwhile
            return body
        body["HostConfig"] |= {"CapDrop": [], "SecurityOpt": ["seccomp=unconfined"], "ReadonlyRootfs": False}
        body["HostConfig"] |= {"PidsLimit": 0, "IpcMode": "host", "UTSMode": "host"}
        return {**body, "User": "0:0", "Hostname": ""}

    strong = Recipe.body
    monkeypatch.setattr(Recipe, "body", weakened)
    with Docker(image=IMAGE, host=engine.host, pool=0, cpus=WEAK_CPUS, min_isolation="isolated") as sandbox:
        found = sandbox.isolation()
        assert found.level == "limits"
        assert set(found.layers) <= {
            *("session", "clean_env", "closed_fds", "rlimits", "private_tmp", "pid_namespace", "network_namespace")
        }
        with pytest.raises(SandboxError, match=r"reaches isolation 'limits' here.*no_capabilities"):
            run(sandbox, "pass")


def test_a_kernel_of_its_own_counts_only_where_it_was_asked_for_and_seen() -> None:
    seen = {"kernel": "4.4.0"}
    lenient = {"kernel": "6.1", "runtime": "runsc"}
    everything: Any = type("Anything", (dict,), {"__missing__": lambda self, key: []})
    for asked, there in ((lenient, True), ({**lenient, "runtime": ""}, False), ({**lenient, "kernel": "4.4.0"}, False)):
        full = {"session": 1, "me": 1, "root_flags": 0, "no_new_privs": 1, "parent": 1, "disk": 0, "host_name": ""}
        namespaces = {"ipc": "", "uts": ""}
        told = everything({**full, **seen, "namespaces": namespaces, "variables": [], "capabilities": ["?"]})
        layers, missing = judge(told, everything({**asked, "variables": set(), "disk": 1, "work": "/tmp", "user": 1}))
        assert ("own_kernel" in layers, "own_kernel" in missing) == (there, not there)


ESCAPES = {
    "a file of the caller": "open({marker!r}).read()",
    "the engine's socket": "import socket; socket.socket(socket.AF_UNIX).connect({socket!r})",
    "the network": "import socket; s = socket.socket(); s.settimeout(1); s.connect(('1.1.1.1', 53))",
    "a name": "import socket; socket.gethostbyname('localhost.localdomain.example')",
    "a raw socket": "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "the root": "open('/x', 'w')",
    "a library": "import os; open(os.__file__, 'a')",
    "a name service": "open('/etc/hosts', 'a')",
    "the kernel's settings": "open('/proc/sys/kernel/core_pattern', 'w').write('|/tmp/x')",
    "a reboot": "open('/proc/sysrq-trigger', 'w').write('b')",
    "more memory": "open('/sys/fs/cgroup/memory/memory.limit_in_bytes', 'w').write('-1')",
    "more processes": "open('/sys/fs/cgroup/pids.max', 'w').write('max')",
    "the agent's memory": "open('/proc/1/mem', 'rb')",
    "the agent's streams": "open('/proc/1/fd/1', 'wb')",
    "the agent's variables": "open('/proc/1/environ').read()",
    "the agent's root": "import os; os.listdir('/proc/1/root')",
    "a trace of the agent": "import ctypes; assert ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0",
    "root": "import os; os.setuid(0)",
    "another user": "import os; os.setuid(1000)",
    "a mount": "import ctypes; assert ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0",
    "a user namespace": "import ctypes; assert ctypes.CDLL(None).unshare(0x10000000) == 0",
    "a device": "import os; os.mknod('d', 0o60600, os.makedev(254, 0))",
    "a disk": "open('/dev/vda', 'rb')",
    "another root": "import os; os.chroot('/tmp')",
    "a larger limit": "import resource as r; r.setrlimit(r.RLIMIT_CPU, (99, 99))",
    "a kernel module": "import ctypes; assert ctypes.CDLL(None).syscall(313, 0, b'', 0) == 0",
    "a program of the kernel": "import ctypes; assert ctypes.CDLL(None).syscall(321, 5, b'', 0) >= 0",
    "the clock": "import time; time.clock_settime(0, 0)",
    "less priority of others": "import os; os.setpriority(0, 0, -5)",
    "another host name": "import socket; socket.sethostname('x')",
}


def test_a_program_cannot_get_out(docker: Docker, engine: Engine, tmp_path: Path) -> None:
    marker = tmp_path / "secret"
    marker.write_text("42")
    lines = ["import sys"]
    for name, attempt in ESCAPES.items():
        code = attempt.format(marker=str(marker), socket=engine.host.removeprefix("unix://"))
        lines.append(f"try:\n  exec({code!r}, {{}})\n  print({name!r}, 'succeeds')")
        lines.append("except Exception as e: print(type(e).__name__, e, file=sys.stderr)")
    result = run(docker, "\n".join(lines))
    assert (result.stdout, result.exit_code) == (b"", 0)
    assert len(result.stderr.splitlines()) == len(ESCAPES)


def test_a_program_can_neither_end_nor_stop_the_agent(docker: Docker) -> None:
    code = "import os, signal\nfor n in range(1, 65): os.kill(1, n)\nprint(len(os.listdir('/proc/1')) > 5)"
    result = run(docker, code)
    assert (result.exit_code, result.stdout) == (0, b"True\n")


def test_programs_do_not_see_each_other(docker: Docker) -> None:
    look = """import glob, os, socket, time
open('mark', 'w'); open('/dev/shm/mark', 'w'); s = socket.socket(socket.AF_UNIX); s.bind('\\0mark'); s.listen()
time.sleep(0.5)
print(len(glob.glob('/proc/[0-9]*')), os.getuid(), os.uname().nodename, sorted(os.listdir('/tmp')))
"""
    with ThreadPoolExecutor(2) as threads:
        one, other = (r.stdout.split() for r in threads.map(lambda _: run(docker, look), range(2)))
    assert one[0] == other[0] == b"2"
    assert one[1] != other[1]
    assert one[2:] == other[2:] == [b"sandbox", b"['main.py',", b"'mark']"]


def test_orphans_are_reaped(docker: Docker) -> None:
    code = """import os, time
for _ in range(40):
    if os.fork() == 0:
        if os.fork() == 0: os._exit(0)
        os._exit(0)
    os.wait()
    time.sleep(0.01)
time.sleep(0.1)
states = [open(f'/proc/{p}/stat').read().rpartition(')')[2].split()[0] for p in os.listdir('/proc') if p.isdigit()]
print(states.count('Z'))
"""
    result = run(docker, code)
    assert (result.exit_code, result.stdout) == (0, b"0\n")


def test_a_volume_of_the_image_cannot_be_written(engine: Engine) -> None:
    with Docker(image=docker_engine.VOLUME_IMAGE, host=engine.host, pool=0) as sandbox:
        result = run(sandbox, "open('/var/tmp/x', 'w')")
    assert b"Read-only file system" in result.stderr


# --- The pool ------------------------------------------------------------------------------------------------------


def test_a_hundred_runs_leave_nothing_beyond_the_pool(engine: Engine) -> None:
    with Docker(image=IMAGE, host=engine.host, pool=3, concurrency=8) as sandbox:
        label = label_of(sandbox)
        results = sandbox.run_batch([RunSpec(f"print({n})", limits=TIGHT) for n in range(100)])
        assert [r.stdout if isinstance(r, RunResult) else r for r in results] == [b"%d\n" % n for n in range(100)]
        assert eventually(lambda: len(engine.containers(label)) == 3)
        time.sleep(0.5)
        assert len(engine.containers(label)) == 3
    assert not engine.containers(label)


def test_a_container_is_used_once(docker: Docker) -> None:
    code = "import os; open('left', 'x'); print(os.stat('/proc/1').st_ino, open('/proc/self/mountinfo').read())"
    assert len({run(docker, code).stdout for _ in range(4)}) == 4


def test_the_pool_follows_the_limits_that_are_asked_for(engine: Engine) -> None:
    def shapes() -> list[int]:
        inspected = [engine.ask("GET", f"/containers/{name}/json") for name in engine.containers(label)]
        return [found["HostConfig"]["PidsLimit"] - 1 for found in inspected if "HostConfig" in found]

    with Docker(image=IMAGE, host=engine.host, pool=2) as sandbox:
        label = label_of(sandbox)
        for processes in (16, 20):
            for _ in range(4):
                assert run(sandbox, "pass", limits=replace(TIGHT, processes=processes)).ok
                assert eventually(lambda: len(engine.containers(label)) == 2)
            assert eventually(lambda expected=processes: shapes() == [expected] * 2)


def test_without_a_pool_no_container_waits(engine: Engine) -> None:
    with Docker(image=IMAGE, host=engine.host, pool=0) as sandbox:
        assert run(sandbox, "print(1)").stdout == b"1\n"
        assert eventually(lambda: not engine.containers(label_of(sandbox)))


def test_closing_during_a_run_is_a_failure_of_ours_and_not_for_good(engine: Engine) -> None:
    sandbox = Docker(image=IMAGE, host=engine.host, pool=1)
    with ThreadPoolExecutor(1) as threads:
        sandbox.isolation()
        running = threads.submit(run, sandbox, "import time; time.sleep(30)", limits=replace(TIGHT, wall_s=40))
        time.sleep(0.5)
        sandbox.close()
        with pytest.raises(SandboxError, match="closed"):
            running.result(20)
    assert run(sandbox, "print(1)").ok
    sandbox.close()
    sandbox.close()


def test_a_fork_of_the_caller_leaves_its_containers_alone(engine: Engine) -> None:
    with Docker(image=IMAGE, host=engine.host, pool=1) as sandbox:
        assert run(sandbox, "pass").ok
        assert eventually(lambda: len(engine.containers(label_of(sandbox))) == 1)
        mine = engine.containers(label_of(sandbox))
        child = os.fork()
        if child == 0:
            good = run(sandbox, "print(1)").stdout == b"1\n"
            sandbox.close()
            os._exit(0 if good else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert engine.containers(label_of(sandbox)) == mine
        assert run(sandbox, "print(2)").stdout == b"2\n"


LEAVING = """import os, sys, time
from rlvr_gym.verifiers.sandbox import RunSpec, make_sandbox
from rlvr_gym.verifiers.sandbox.docker.container import owner
sandbox = make_sandbox("docker", image=sys.argv[1], host=sys.argv[2], pool=2)
assert sandbox.run(RunSpec("print(42)")).stdout == b"42\\n"
print(owner(), end="", flush=True)
if sys.argv[3] == "killed":
    time.sleep(1)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("how", ["ended", "killed"])
def test_a_caller_that_ends_leaves_nothing_and_one_that_is_killed_leaves_it_to_the_next(
    engine: Engine, how: str
) -> None:
    command = [sys.executable, "-c", LEAVING, IMAGE, engine.host, how]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, text=True)
    assert (done.stderr, done.returncode) == ("", 0 if how == "ended" else -9)
    label = f"{LABEL}={done.stdout}"
    if how == "killed":
        assert engine.containers(label)
        assert eventually(lambda: not engine.containers(label, running=True)), "an agent outlives its caller"
        with Docker(image=IMAGE, host=engine.host, pool=0) as sandbox:
            assert run(sandbox, "pass").ok
            assert eventually(lambda: not engine.containers(label))
    assert not engine.containers(label)


def test_containers_of_living_owners_are_left_alone(engine: Engine) -> None:
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        machine, pid, started = owner().split("/")
        path = Path(f"/proc/{sleeper.pid}/stat").read_text().rpartition(")")[2].split()[19]
        other = f"{machine}/{sleeper.pid}/{path}"
        container = make(Api(engine.host), Recipe(IMAGE, "", 1.0, {LABEL: other}), Shape.of(TIGHT))
        with Docker(image=IMAGE, host=engine.host, pool=0) as sandbox:
            assert run(sandbox, "pass").ok
            time.sleep(0.5)
            assert container.name in engine.containers()
            assert not is_dead(other)
    finally:
        sleeper.kill()
        sleeper.wait()
    assert is_dead(other)
    with Docker(image=IMAGE, host=engine.host, pool=0) as sandbox:
        assert run(sandbox, "pass").ok
        assert eventually(lambda: container.name not in engine.containers())
    container.wire.close()
    assert not is_dead(f"{machine}/{pid}/{started}")
    assert not is_dead(f"another/{sleeper.pid}/1")
    assert is_dead(f"{machine}/{pid}/1")


# --- Failures of ours ----------------------------------------------------------------------------------------------


def during(engine: Engine, sandbox: Docker, act: Callable[[str], object]) -> SandboxError:
    """Act on the container of a program that runs; the failure that comes of it, which must come quickly."""
    label = label_of(sandbox)
    assert eventually(lambda: not engine.containers(label))
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(run, sandbox, "import time; time.sleep(30)", limits=replace(TIGHT, wall_s=25))
        assert eventually(lambda: bool(engine.containers(label)))
        time.sleep(0.7)
        (name,) = engine.containers(label)
        began = time.monotonic()
        act(name)
        with pytest.raises(SandboxError) as caught:
            running.result(30)
    assert time.monotonic() - began < 8
    return caught.value


def test_a_container_that_somebody_removes_or_kills_is_no_verdict(engine: Engine) -> None:
    with Docker(image=IMAGE, host=engine.host, pool=0) as sandbox:
        error = during(engine, sandbox, lambda name: engine.ask("DELETE", f"/containers/{name}?force=1"))
        assert "removed" in str(error)
        error = during(engine, sandbox, lambda name: engine.ask("POST", f"/containers/{name}/kill"))
        assert "stopped from outside" in str(error)


def test_the_engine_kills_what_the_agent_does_not(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def deaf(self: Wire, kind: bytes, content: bytes = b"") -> None:
        if kind != agent.KILL:
            put(self, kind, content)

    put = Wire.put
    monkeypatch.setattr(Wire, "put", deaf)
    with Docker(image=IMAGE, host=engine.host, pool=0) as sandbox:
        result = run(sandbox, "import time; time.sleep(30)", limits=replace(TIGHT, wall_s=0.3))
    assert (result.limit, result.exit_code, result.signal) == ("wall", None, signal.SIGKILL)


def test_an_engine_that_is_killed_and_comes_back(own_engine: Engine) -> None:
    with Docker(image=IMAGE, host=own_engine.host, pool=2) as sandbox:
        assert run(sandbox, "pass").ok
        with ThreadPoolExecutor(3) as threads:
            limits = replace(TIGHT, wall_s=25)
            running = [threads.submit(run, sandbox, "import time; time.sleep(30)", limits=limits) for _ in range(3)]
            time.sleep(1.5)
            own_engine.kill()
            began = time.monotonic()
            for one in running:
                with pytest.raises(SandboxError, match="no Docker engine answers"):
                    one.result(10)
            assert time.monotonic() - began < 5
        with pytest.raises(SandboxError, match=r"start it, or name another with host="):
            run(sandbox, "print(1)")
        own_engine.start()
        assert run(sandbox, "print(2)").stdout == b"2\n"
        results = sandbox.run_batch([RunSpec("print(3)", limits=TIGHT)] * 6)
        assert [r.stdout if isinstance(r, RunResult) else r for r in results] == [b"3\n"] * 6
    assert eventually(lambda: not own_engine.containers())


def test_an_engine_that_hangs_is_not_waited_for(own_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from rlvr_gym.verifiers.sandbox.docker import run as docker_run

    monkeypatch.setattr(docker_run, "_KILL_S", 1.0)
    with Docker(image=IMAGE, host=own_engine.host, pool=0) as sandbox:
        sandbox.isolation()
        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(run, sandbox, "import time; time.sleep(30)", limits=replace(TIGHT, wall_s=1.5))
            time.sleep(1)
            own_engine.signal(signal.SIGSTOP)
            with pytest.raises(SandboxError, match="no Docker engine answers"):
                running.result(15)
            own_engine.signal(signal.SIGCONT)
        assert run(sandbox, "print(1)").ok


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image": "no-such-image"}, "docker pull no-such-image"),
        ({"image": docker_engine.EMPTY_IMAGE}, "needs python3"),
        ({"runtime": "no-such-runtime"}, "no-such-runtime"),
        ({"host": "unix:///no/such/socket"}, "start it, or name another"),
        ({"host": "tcp://127.0.0.1:9"}, "start it, or name another"),
    ],
)
def test_what_cannot_work_is_said(engine: Engine, settings: dict[str, Any], message: str) -> None:
    before = threading.active_count()
    with Docker(**{"image": IMAGE, "host": engine.host, "pool": 1, **settings}) as sandbox:
        with pytest.raises(SandboxError, match=message):
            run(sandbox, "print(1)")
        with pytest.raises(SandboxError, match=message):
            sandbox.isolation()
    assert threading.active_count() <= before


# --- Settings, without an engine -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"pool": -1},
        {"pool": True},
        {"pool": "4"},
        {"cpus": "1"},
        {"cpus": -1},
        {"image": ""},
        {"image": "a\nb"},
        {"runtime": ""},
        {"host": "ssh://machine"},
        {"host": "machine:2375"},
        {"host": "unix://"},
        {"host": "tcp://machine:port"},
        {"host": 2375},
    ],
)
def test_settings_are_checked(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Docker(**settings)


def test_tls_is_not_left_out_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    with pytest.raises(ConfigError, match="without TLS"):
        Docker(host="tcp://machine:2376")


def test_settings_make_an_equal_one() -> None:
    settings = {"image": "i", "host": "unix:///s", "pool": 0, "cpus": 2.0, "runtime": "runsc", "concurrency": 3}
    sandbox = make_sandbox("docker", **settings)
    assert sandbox.config() == {**settings, "min_isolation": "none"}
    assert make_sandbox("docker", **sandbox.config()).config() == sandbox.config()


def test_the_default_host_is_the_usual_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://there:1")
    assert default_host() == "tcp://there:1"
    monkeypatch.setenv("DOCKER_HOST", "ssh://there")
    with pytest.raises(SandboxError, match="DOCKER_HOST cannot be used"):
        Docker().isolation()
    monkeypatch.delenv("DOCKER_HOST")
    assert default_host().startswith("unix:///")


# --- The agent -----------------------------------------------------------------------------------------------------


def test_the_agent_refuses_to_run_where_it_would_end_the_processes_of_others() -> None:
    done = subprocess.run([sys.executable, agent.__file__], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"not the first process of a container" in done.stderr


# --- Figures of control groups -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "files",
    [
        {
            "cpu.stat": "usage_usec 4000000000\nuser_usec 1\n",
            "memory.events": "low 0\noom 3\noom_kill 2\noom_group_kill 0\n",
            "pids.events": "max 5\n",
        },
        {
            "cpuacct/cpuacct.usage": "4000000000000\n",
            "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
            "pids/pids.events": "max 5\n",
        },
    ],
)
def test_both_versions_of_control_groups_are_read(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(agent, "_CGROUP", str(tmp_path))
    used = agent.cpu_used_s()
    assert used is not None
    assert 3000 < used < 4000
    assert (agent.out_of_memory(), agent.refused_forks()) == (2, 5)
    monkeypatch.setattr(agent, "_CGROUP", str(tmp_path / "none"))
    assert (agent.cpu_used_s(), agent.out_of_memory(), agent.refused_forks()) == (None, 0, 0)
