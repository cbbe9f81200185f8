"""The fork-server: what a program may do works, what it may not fails, and nothing of it stays."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rlvr_gym.verifiers.sandbox import (
    LAYERS,
    Isolation,
    Limits,
    RunResult,
    RunSpec,
    Sandbox,
    SandboxError,
    languages_here,
    make_sandbox,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork-server needs Linux")
TIGHT = Limits(cpu_s=2, wall_s=4, memory_bytes=128 * 2**20)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with make_sandbox("forkserver") as made:
        yield made


def python(sandbox: Sandbox, code: str, limits: Limits = TIGHT, **rest: object) -> RunResult:
    return sandbox.run(RunSpec(code, limits=limits, **rest))  # type: ignore[arg-type]


def helpers_of(pid: int) -> list[int]:
    """The processes below `pid`: the helper that waits, the zygote, its children."""
    found, todo = [], [pid]
    while todo:
        for task in Path(f"/proc/{todo.pop()}/task").glob("*/children"):
            children = [int(word) for word in task.read_text().split()]
            found += children
            todo += children
    return found


def lives(pid: int) -> bool:
    """Whether a process is there, and no zombie that waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def zygote_of(sandbox: Sandbox) -> int:
    helper = sandbox._helper  # type: ignore[attr-defined]
    return next(iter(helpers_of(helper._process.pid)))


# --- What a program may do -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "stdout"),
    [
        ("print(sum(map(int, input().split())))", b"6\n"),
        ("import sys; print(len(sys.stdin.read()))", b"6\n"),
        ("import sys; sys.stdout.write('x' * 900_000)", b"x" * 900_000),
        ("for i in range(3): print(i, flush=True)", b"0\n1\n2\n"),
        ("import threading\nt = threading.Thread(target=print, args=(5,))\nt.start()", b"5\n"),
        ("import os\nif os.fork() == 0:\n    os._exit(0)\nprint(os.WEXITSTATUS(os.wait()[1]))", b"0\n"),
        ("import atexit; atexit.register(print, 'last'); print('first')", b"first\nlast\n"),
        ("import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return n and 1 + f(n - 1)\nprint(f(50_000))", b"50000\n"),
        ("if __name__ == '__main__': print(__name__, __file__)", b"__main__ main.py\n"),
        ("open('a.txt', 'w').write('x'); print(open('/tmp/a.txt').read())", b"x\n"),
        ("import asyncio\nasync def f(): return 7\nprint(asyncio.run(f()))", b"7\n"),
        ("from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\nprint(A(1))", b"A(x=1)\n"),
        ("import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A)", b"True\n"),
        ("print({'a', 'b', 'c'} == set('abc'), 'é', chr(0x1F600))", "True é \U0001f600\n".encode()),
        ("import sys; sys.stdout.buffer.write(bytes(range(256)))", bytes(range(256))),
        ("exit()", b""),
    ],
)
def test_ordinary_programs_run_as_under_the_interpreter(sandbox: Sandbox, code: str, stdout: bytes) -> None:
    result = python(sandbox, code, stdin="1 2 3\n")
    assert (result.stdout, result.stderr, result.exit_code, result.signal, result.limit) == (stdout, b"", 0, None, None)


@pytest.mark.parametrize(
    ("code", "exit_code", "last_line"),
    [
        ("import sys; sys.exit(3)", 3, b""),
        ("exit(4)", 4, b""),
        ("raise SystemExit('no')", 1, b"no"),
        ("import os; os._exit(5)", 5, b""),
        ("1 / 0", 1, b"ZeroDivisionError: division by zero"),
        ("def f(:", 1, b"SyntaxError: invalid syntax"),
        ("print('\ud800')", 1, None),
        ("x = '\0'", 1, None),
        ("import numpy", 1, b"ModuleNotFoundError: No module named 'numpy'"),
        ("raise KeyboardInterrupt", 1, b"KeyboardInterrupt"),
        ("input()", 1, b"EOFError: EOF when reading a line"),
    ],
)
def test_how_a_program_ends_is_told(sandbox: Sandbox, code: str, exit_code: int, last_line: bytes | None) -> None:
    result = python(sandbox, code)
    assert (result.exit_code, result.signal, result.limit) == (exit_code, None, None)
    assert last_line is None or result.stderr.rstrip().rpartition(b"\n")[2] == last_line


def test_a_traceback_shows_the_program_and_nothing_of_ours(sandbox: Sandbox) -> None:
    result = python(sandbox, "def f():\n    1 / 0\nf()")
    assert result.stderr.decode().splitlines()[:3] == [
        "Traceback (most recent call last):",
        '  File "main.py", line 3, in <module>',
        '  File "main.py", line 2, in f',
    ]


def test_a_segmentation_fault_is_the_programs_own(sandbox: Sandbox) -> None:
    result = python(sandbox, "import ctypes; ctypes.string_at(0)")
    assert (result.exit_code, result.signal, result.limit) == (None, signal.SIGSEGV, None)


def test_files_and_arguments_go_in_and_files_come_out(sandbox: Sandbox) -> None:
    code = (
        "import helper, sys, os\n"
        "open('out/result.txt', 'w').write(helper.double(open('data/in.txt').read()) + sys.argv[1])\n"
        "os.symlink('/etc/hostname', 'link'); os.mkfifo('fifo'); open('large', 'w').write('x' * 2000)\n"
    )
    files = {"helper.py": "def double(x): return x * 2", "data/in.txt": "ab", "out/empty": ""}
    wanted = ("out/result.txt", "link", "fifo", "large", "missing", "out")
    limits = Limits(file_bytes=2000 - 1 + 1)
    result = sandbox.run(RunSpec(code, files=files, argv=("!",), collect=wanted, limits=limits))
    assert result.ok, result.stderr
    assert result.files == {"out/result.txt": b"abab!", "large": b"x" * 2000}


def test_large_stdin_arrives_whole_and_unread_stdin_does_no_harm(sandbox: Sandbox) -> None:
    text = "x" * 5_000_000
    assert python(sandbox, "import sys; print(len(sys.stdin.read()))", stdin=text).stdout == b"5000000\n"
    assert python(sandbox, "print(1)", stdin=text).stdout == b"1\n"


def test_every_run_starts_from_the_same_state(sandbox: Sandbox) -> None:
    python(
        sandbox,
        "import builtins, sys, os\nbuiltins.len = None\nsys.path.clear()\nopen('x', 'w')\nos.environ['A'] = '1'",
    )
    code = "import os, sys; print(len(sys.path) > 1, os.listdir('.'), 'A' in os.environ, hash('a'))"
    assert len({python(sandbox, code).stdout for _ in range(4)}) == 1
    assert python(sandbox, code).stdout.startswith(b"True [] False ")


def test_two_programs_talk_to_each_other(sandbox: Sandbox) -> None:
    asks = "print('6 7', flush=True)\nimport sys\nsys.stderr.write(input())\nsys.exit(2)"
    answers = "a, b = map(int, input().split())\nprint(a * b)\nimport sys\nsys.stderr.write('done')"
    result = sandbox.run(RunSpec(asks, limits=TIGHT, peer=RunSpec(answers, limits=TIGHT)))
    assert result.peer is not None
    assert (result.exit_code, result.stderr, result.stdout) == (2, b"42", b"")
    assert (result.peer.exit_code, result.peer.stderr) == (0, b"done")


def test_the_end_of_one_program_is_the_end_of_input_of_the_other(sandbox: Sandbox) -> None:
    result = sandbox.run(RunSpec("pass", limits=TIGHT, peer=RunSpec("input()", limits=TIGHT)))
    assert result.peer is not None
    assert result.peer.stderr.rstrip().endswith(b"EOFError: EOF when reading a line")


PROGRAMS = {
    "bash": "read x; echo $((x * 2))",
    "javascript": "console.log(2 * parseInt(require('fs').readFileSync(0)))",
    "perl": "print 2 * <STDIN>, qq{\\n}",
    "c": '#include <stdio.h>\nint main(){int x; scanf("%d", &x); printf("%d\\n", 2 * x);}',
    "cpp": "#include <iostream>\nint main(){int x; std::cin >> x; std::cout << 2 * x << '\\n';}",
    "rust": "fn main(){let mut s=String::new(); std::io::stdin().read_line(&mut s).unwrap();"
    ' println!("{}", 2 * s.trim().parse::<i32>().unwrap());}',
    "go": 'package main\nimport "fmt"\nfunc main(){var x int; fmt.Scan(&x); fmt.Println(2 * x)}',
    "java": "public class Main{public static void main(String[] a){"
    "System.out.println(2 * new java.util.Scanner(System.in).nextInt());}}",
}


@pytest.mark.parametrize("language", PROGRAMS)
def test_other_languages_run_where_their_tools_are(sandbox: Sandbox, language: str) -> None:
    if language not in languages_here():
        pytest.skip(f"the tools of {language} are not installed")
    built = sandbox.build(RunSpec(PROGRAMS[language], language=language))
    assert isinstance(built, RunSpec)
    for number in (4, 21):
        result = sandbox.run(RunSpec(built.code, language, stdin=f"{number}\n", files=built.files))
        assert (result.stdout, result.exit_code) == (b"%d\n" % (2 * number), 0), result.stderr


def test_what_a_compiler_refuses_is_told_apart(sandbox: Sandbox) -> None:
    if "c" not in languages_here():
        pytest.skip("there is no C compiler")
    result = sandbox.run(RunSpec('#include "/etc/shadow"\nint main(){', language="c"))
    assert result.phase == "compile"
    assert not result.ok
    assert b"No such file" in result.stderr


def test_a_signal_ends_a_compiled_program_by_its_own_number(sandbox: Sandbox) -> None:
    if "c" not in languages_here():
        pytest.skip("there is no C compiler")
    result = sandbox.run(RunSpec("#include <stdlib.h>\nint main(){abort();}", language="c"))
    assert (result.exit_code, result.signal) == (None, signal.SIGABRT)


# --- Limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "limit"),
    [
        ("while True: pass", "cpu"),
        ("import os\nfor _ in range(4): os.fork()\nwhile True: pass", "cpu"),
        ("import time; time.sleep(60)", "wall"),
        ("x = bytearray(10**9)", "memory"),
        ("x = []\nwhile True: x.append(bytearray(10**6))", "memory"),
        (
            "import os, time\nfor _ in range(8):\n    if os.fork() == 0: break\nx = b'x' * 60_000_000\ntime.sleep(25)",
            "memory",
        ),
        ("while True: print('x' * 1000)", "output"),
        ("import sys\nwhile True: sys.stderr.write('x' * 1000)", "output"),
        ("f = open('f', 'wb')\nwhile True: f.write(b'x' * 10**6)", "file"),
        ("import os\nwhile True: os.fork()", None),
        (
            "import threading as t, time\nwhile True: t.Thread(target=time.sleep, args=(9,), daemon=True).start()",
            "processes",
        ),
    ],
)
def test_the_limit_that_ended_a_program_is_named(sandbox: Sandbox, code: str, limit: str | None) -> None:
    wall_s = 2 if limit == "wall" else 30  # the others must not depend on how busy the machine is
    result = python(sandbox, code, Limits(cpu_s=1, wall_s=wall_s, memory_bytes=128 * 2**20, output_bytes=50_000))
    assert not result.ok
    assert result.limit == limit or (limit is None and result.limit in ("cpu", "wall", "processes"))
    assert len(result.stdout) <= 50_000
    assert len(result.stderr) <= 50_000


def test_memory_that_can_be_had_is_and_the_refusal_can_be_handled(sandbox: Sandbox) -> None:
    code = "x = bytearray(100 * 2**20)\ntry:\n    y = bytearray(100 * 2**20)\nexcept MemoryError:\n    print('refused')"
    result = python(sandbox, code)
    assert (result.ok, result.stdout) == (True, b"refused\n")
    assert result.peak_memory_bytes > 100 * 2**20


def test_the_disk_is_small_and_its_own(sandbox: Sandbox) -> None:
    code = """
i = 0
try:
    while True:
        open(str(i), 'wb').write(b'x' * 10**6)
        i += 1
except OSError as e:
    print(i, e.errno)
"""
    assert python(sandbox, code, Limits(disk_bytes=4 * 2**20)).stdout == b"4 28\n"


def test_processor_time_is_counted_for_the_whole_tree(sandbox: Sandbox) -> None:
    code = "import os, time\nif os.fork() == 0:\n    while time.process_time() < 0.3: pass\n    os._exit(0)\nos.wait()"
    assert 0.25 < python(sandbox, code).cpu_s < 1


# --- What a program may not do -------------------------------------------------------------------------------------

ESCAPES = {
    "read the password file": "print(open('/etc/shadow').read())",
    "read the user list": "print(open('/etc/passwd').read())",
    "list the root": "import os; print(os.listdir('/'))",
    "read this repository": f"print(open({str(Path(__file__))!r}).read())",
    "climb out": "print(open('../../../../etc/hostname').read())",
    "write to the libraries": "import os; open(os.__file__, 'a')",
    "open a socket": "import socket; socket.socket()",
    "open a unix socket": "import socket; socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')",
    "send a datagram out": "import socket; socket.socketpair(type=socket.SOCK_DGRAM)",
    "start a program": "import os; os.execv('/usr/bin/true', ['true'])",
    "start a shell": "import subprocess; subprocess.run(['sh', '-c', 'true'], check=True)",
    "execute a file of its own": """
import os
open('x', 'w').write('#!/bin/sh\\n')
os.chmod('x', 0o755)
os.execv('./x', ['x'])
""",
    "become root": "import os; os.setuid(0)",
    "see other processes": "import os; print(os.listdir('/proc'))",
    "trace": "import ctypes; l = ctypes.CDLL(None, use_errno=True); assert l.ptrace(0, 0, 0, 0) == 0",
    "mount": "import ctypes; assert ctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, None) == 0",
    "make a user namespace": "import ctypes; assert ctypes.CDLL(None).unshare(0x10000000) == 0",
    "chroot": "import os; os.chroot('.')",
    "make a device": "import os; os.mknod('d', 0o60600, os.makedev(254, 0)); print(open('d').read(1))",
    "raise a limit": "import resource as r; r.setrlimit(r.RLIMIT_NPROC, (10**4, 10**4))",
    "be killed by the kernel": "import resource as r; r.setrlimit(r.RLIMIT_CPU, (1, 1))",
    "limit another process": "import resource as r; r.prlimit(1, r.RLIMIT_CPU, (1, 1))",
    "keep memory outside of every limit": "import os; os.memfd_create('x')",
    "use shared memory": "import ctypes; assert ctypes.CDLL(None).shmget(5, 100, 0o1666) >= 0",
    "use a message queue": "import ctypes; assert ctypes.CDLL(None).mq_open(b'/q', 0o102, 0o666, None) >= 0",
    "reach the helper by its descriptors": """
import os
for fd in range(3, 1000):
    try:
        os.fstat(fd)
    except OSError:
        continue
    break
else:
    raise OSError('none is open')
""",
}


@pytest.mark.parametrize("name", ESCAPES)
def test_an_escape_fails_with_an_error(sandbox: Sandbox, name: str) -> None:
    result = python(sandbox, ESCAPES[name])
    assert result.exit_code == 1, result.stdout
    last = result.stderr.rstrip().rpartition(b"\n")[2]
    assert last.startswith((b"PermissionError", b"FileNotFoundError", b"OSError", b"AssertionError", b"ValueError")), (
        last
    )
    assert result.stdout == b""


def test_no_process_outside_can_be_signalled(sandbox: Sandbox) -> None:
    code = f"""
import os
for pid in (2, 3, {os.getpid()}, {os.getppid()}, -1):
    try:
        os.kill(pid, 9)
        print(pid)
    except OSError:
        pass
"""
    assert set(python(sandbox, code).stdout.split()) <= {b"-1"}  # all of its own namespace: itself
    assert python(sandbox, "print(1)").stdout == b"1\n"


def test_system_calls_below_the_language_are_refused_too(sandbox: Sandbox) -> None:
    if "c" not in languages_here():
        pytest.skip("there is no C compiler")
    code = """
#include <stdio.h>
#include <errno.h>
#include <unistd.h>
#include <sys/syscall.h>
int main(){
  long calls[] = {SYS_socket, SYS_ptrace, SYS_mount, SYS_unshare, SYS_bpf, SYS_keyctl, SYS_setns, SYS_userfaultfd,
                  SYS_perf_event_open, SYS_process_vm_readv, SYS_init_module, SYS_io_uring_setup, SYS_chroot, 450000};
  for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
    errno = 0;
    if (syscall(calls[i], 1, 1, 0, 0, 0, 0) >= 0 || (errno != EPERM && errno != ENOSYS))
      printf("%ld %d\\n", calls[i], errno);
  }
}"""
    result = sandbox.run(RunSpec(code, language="c"))
    assert (result.phase, result.exit_code, result.stdout) == ("run", 0, b""), result


def test_a_limit_that_may_be_lowered_is_and_others_can_be_asked_for(sandbox: Sandbox) -> None:
    code = "import resource as r\nr.setrlimit(r.RLIMIT_NOFILE, (50, 50))\nprint(r.getrlimit(r.RLIMIT_NOFILE))"
    assert python(sandbox, code).stdout == b"(50, 50)\n"


def test_no_program_can_end_the_process_that_reports_on_it(sandbox: Sandbox) -> None:
    code = "kill -9 1; kill -STOP 1; prlimit --pid 1 --cpu=1 2>/dev/null || echo refused; cat /proc/1/mem; exit 3"
    result = sandbox.run(RunSpec(code, language="bash", limits=TIGHT))
    assert (result.exit_code, result.signal, result.stdout) == (3, None, b"refused\n")
    assert sandbox.run(RunSpec("kill -9 $$", language="bash")).signal == signal.SIGKILL


def test_a_daemon_does_not_survive_its_run(sandbox: Sandbox) -> None:
    before = set(helpers_of(os.getpid()))
    code = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            time.sleep(0.01)
    os._exit(0)
print('over')
"""
    assert python(sandbox, code).stdout == b"over\n"
    deadline = time.monotonic() + 5
    while len(set(helpers_of(os.getpid())) - before) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(set(helpers_of(os.getpid())) - before) <= 1  # one more child may have been forked ahead


def test_runs_at_one_time_cannot_see_each_other(sandbox: Sandbox) -> None:
    writer = "open('/tmp/secret', 'w').write('x')\nimport time; time.sleep(0.5)"
    reader = "import os, time\ntime.sleep(0.2)\nprint(os.path.exists('/tmp/secret'), os.listdir('.'), os.getpid())"
    results = sandbox.run_batch([RunSpec(writer), RunSpec(reader)])
    assert [r.stdout for r in results if isinstance(r, RunResult)] == [b"", b"False [] 1\n"]


def test_what_a_run_leaves_in_its_directory_is_gone_for_the_next(sandbox: Sandbox) -> None:
    leave = "import os\nos.makedirs('a/' * 50)\nopen('a/f', 'w')\nos.chmod('a', 0)"
    for _ in range(6):
        assert python(sandbox, leave).ok
        assert python(sandbox, "import os; print(os.listdir('.'), os.stat('.').st_mode)").stdout == b"[] 17407\n"


SCAN = """
import ctypes, hashlib, os, sys
DIGESTS = {}
prefix = bytes(map(ord, reversed("-eldeen")))
libc = ctypes.CDLL(None, use_errno=True)
libc.pwrite.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long]
copy = os.open("copy", os.O_RDWR | os.O_CREAT)
def search(start, size):
    found = set()
    for place in range(start & ~4095, start + size, 4096):
        if libc.pwrite(copy, place, 4200, 0) >= 4096:  # refused, not deadly, where nothing is mapped
            text = os.pread(copy, 4200, 0)
            at = text.find(prefix)
            while at >= 0:
                found.add(DIGESTS.get(hashlib.sha256(text[at : at + 27]).hexdigest(), ""))
                at = text.find(prefix, at + 1)
    return found - {""}
buffer = ctypes.create_string_buffer(300_000)
near = {id(object()), id(sys), id([0] * 5000), ctypes.addressof(buffer), id({}), id("x" * 700)}
print(sorted(set().union(*(search(place - 16_000_000, 32_000_000) for place in near))))
"""


def test_what_other_programs_were_and_read_and_wrote_is_not_in_memory(sandbox: Sandbox) -> None:
    kinds = ("code", "stdn", "file", "argv", "outs", "errs", "peer")
    words = {kind: f"needle-{kind}{os.urandom(8).hex()}" for kind in kinds}  # 27 characters each
    digests = {hashlib.sha256(word.encode()).hexdigest(): kind for kind, word in words.items()}
    scan = SCAN.replace("DIGESTS = {}", f"DIGESTS = {digests}")
    writes = f"# {words['code']}\nimport sys\nprint('{words['outs']}')\nsys.stderr.write('{words['errs']}')"
    secret = RunSpec(writes, stdin=words["stdn"], files={"f": words["file"]}, argv=(words["argv"],))
    for _ in range(3):
        assert sandbox.run(secret).stdout == words["outs"].encode() + b"\n"
        assert sandbox.run(RunSpec("", peer=RunSpec(f"# {words['peer']}"))).ok
        assert python(sandbox, scan, Limits()).stdout == b"[]\n"
    # The search does find what is there: its own stdin, once read.
    planted = "import sys\nkept = sys.stdin.read()\n" + scan
    assert python(sandbox, planted, Limits(), stdin=words["stdn"]).stdout == b"['stdn']\n"
    # Nor is what the peer was given, while both run.
    told = RunSpec("import sys; sys.stderr.write(input())", files={"f": words["file"]}, argv=(words["peer"],))
    both = RunSpec(told.code, files=told.files, argv=told.argv, peer=RunSpec(scan, limits=Limits()))
    assert sandbox.run(both).stderr == b"[]"


# --- Isolation as data ---------------------------------------------------------------------------------------------


def test_layers_in_force_are_reported_and_known(sandbox: Sandbox) -> None:
    found = sandbox.isolation()
    assert set(found.layers) | set(found.missing) <= set(LAYERS)
    assert not set(found.layers) & set(found.missing)
    assert python(sandbox, "").isolation == found


def readable_by_all(path: Path) -> bool:
    """Whether a user without any right may read a file."""
    return os.geteuid() != 0 or all(parent.stat().st_mode & 0o005 == 0o005 for parent in path.resolve().parents)


@pytest.mark.parametrize("layer", ["seccomp", "landlock", "user_namespace", "mount_namespace", "pid_namespace", "uid"])
def test_each_layer_is_left_out_by_itself_and_named(layer: str) -> None:
    with make_sandbox("forkserver", without=[layer]) as sandbox:
        if layer == "mount_namespace" and not readable_by_all(Path(os.__file__)):
            with pytest.raises(SandboxError, match="may not read this interpreter's library"):
                sandbox.isolation()
            return
        found = sandbox.isolation()
        assert layer not in found.layers
        assert layer in found.missing
        assert python(sandbox, "import random; print(1)").stdout == b"1\n"
        daemon = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\nopen('left', 'w')"
        assert python(sandbox, daemon).ok
        assert python(sandbox, "import os; print(os.listdir('.'))").stdout == b"[]\n"
    assert not list(Path("/tmp").glob(f"rlvr-sandbox-{os.getpid()}*"))


def test_below_the_level_that_is_asked_for_nothing_is_run() -> None:
    with (
        make_sandbox("forkserver", without=["seccomp"], min_isolation="isolated") as sandbox,
        pytest.raises(SandboxError, match=r"'confined'.*seccomp: left out by configuration.*docker"),
    ):
        sandbox.run(RunSpec("print(1)"))


def test_without_root_it_works_too(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("these tests run without root already")
    python3 = next((path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if Path(path).exists()), None)
    if python3 is None or sys.version_info[:2] != _version(python3):
        pytest.skip("there is no interpreter of this version that every user may run")
    package = Path(sys.modules["rlvr_gym.verifiers"].__file__ or "").parent
    code = f"""
import importlib.util, sys
spec = importlib.util.spec_from_loader("rlvr_gym", None, is_package=True)
module = importlib.util.module_from_spec(spec)
module.__path__ = []
sys.modules["rlvr_gym"] = module
spec = importlib.util.spec_from_file_location("rlvr_gym.verifiers", {str(package / "__init__.py")!r})
sys.modules["rlvr_gym.verifiers"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
from rlvr_gym.verifiers.sandbox import RunSpec, make_sandbox
with make_sandbox("forkserver") as sandbox:
    print(sandbox.isolation().level)
    print(sandbox.run(RunSpec("import os; print(os.getuid() != 0, os.listdir('.'))")).stdout.decode().strip())
    forks = "import os\\nn = 0\\ntry:\\n  while os.fork(): n += 1\\nexcept OSError: print(n < 40)"
    print(sandbox.run(RunSpec(forks)).stdout.decode().strip())
"""
    run = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", python3, "-c", code],
        capture_output=True, text=True, timeout=60, check=False, cwd="/", env={"PATH": "/usr/bin:/bin", "HOME": "/"},
    )  # fmt: skip
    if "PermissionError" in run.stderr and str(package) in run.stderr:
        pytest.skip("the project lies where other users may not look")
    level, *rest = run.stdout.split("\n")
    assert level in ("isolated", "confined"), run.stderr
    assert rest[:2] == ["True []", "True"], run.stderr


def _version(python3: str) -> tuple[int, ...]:
    text = subprocess.run([python3, "-V"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in text.split()[1].split(".")[:2])


# --- Life of the helper --------------------------------------------------------------------------------------------


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_thousand_runs_at_once_leave_nothing() -> None:
    before, processes = descriptors(), set(helpers_of(os.getpid()))
    with make_sandbox("forkserver", concurrency=64) as sandbox:
        code = (
            "import os\nopen('f', 'w').write('x')\nif os.fork() == 0:\n    import time; time.sleep(9)\nprint(input())"
        )
        results = sandbox.run_batch([RunSpec(code, stdin=str(i)) for i in range(1000)])
        assert [r.stdout for r in results if isinstance(r, RunResult)] == [b"%d\n" % i for i in range(1000)]
        zygote = zygote_of(sandbox)
        assert len(helpers_of(zygote)) <= 2  # the children that are forked ahead
        assert len(os.listdir(f"/proc/{zygote}/fd")) < 64 * 8  # a socket, and up to six for the place of a run
    assert descriptors() == before
    assert set(helpers_of(os.getpid())) <= processes
    assert not os.path.exists(f"/tmp/rlvr-sandbox-{zygote}")  # where runs work when they cannot in memory


def test_the_death_of_the_zygote_is_ungradable_and_the_next_run_works() -> None:
    with make_sandbox("forkserver") as sandbox, ThreadPoolExecutor(3) as pool:
        assert python(sandbox, "").ok
        runs = [pool.submit(python, sandbox, "import time; time.sleep(3)") for _ in range(3)]
        time.sleep(0.3)
        os.kill(zygote_of(sandbox), signal.SIGKILL)
        for run in runs:
            with pytest.raises(SandboxError, match="ended in the middle of a run"):
                run.result(timeout=5)
        assert python(sandbox, "print(1)").stdout == b"1\n"
        os.kill(zygote_of(sandbox), signal.SIGKILL)
        time.sleep(0.2)
        assert python(sandbox, "print(2)").stdout == b"2\n"  # between runs nobody notices


def test_a_zygote_that_stands_still_is_not_waited_for_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlvr_gym.verifiers.sandbox.forkserver._GRACE_S", 0.5)
    with make_sandbox("forkserver") as sandbox:
        assert python(sandbox, "").ok
        zygote = zygote_of(sandbox)
        os.kill(zygote, signal.SIGSTOP)
        with pytest.raises(SandboxError, match="did not answer in time"):
            python(sandbox, "", Limits(wall_s=0.5))
        assert python(sandbox, "print(1)").stdout == b"1\n"
    assert not lives(zygote)


def test_the_helper_is_recycled_without_a_gap() -> None:
    with make_sandbox("forkserver", recycle_after=20, concurrency=4) as sandbox:
        results = sandbox.run_batch([RunSpec(f"print({i})") for i in range(100)])
        assert [r.stdout for r in results if isinstance(r, RunResult)] == [b"%d\n" % i for i in range(100)]


def test_it_works_from_threads_and_after_a_fork() -> None:
    with make_sandbox("forkserver") as sandbox:
        assert python(sandbox, "").ok
        found: list[bytes] = []
        threads = [threading.Thread(target=lambda: found.append(python(sandbox, "print(1)").stdout)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [b"1\n"] * 8
        readable, writable = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writable, python(sandbox, "print('in the fork')").stdout)
            sandbox.close()
            os._exit(0)
        os.close(writable)
        assert os.read(readable, 100) == b"in the fork\n"
        os.close(readable)
        os.waitpid(child, 0)
        assert python(sandbox, "print(2)").stdout == b"2\n"


def test_nothing_survives_the_sudden_death_of_the_caller() -> None:
    code = (
        "from rlvr_gym.verifiers.sandbox import RunSpec, make_sandbox\n"
        "sandbox = make_sandbox('forkserver')\n"
        "sandbox.isolation()\nprint('ready', flush=True)\n"
        "sandbox.run(RunSpec('import time; time.sleep(60)'))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        caller.stdout.readline()
        time.sleep(0.3)
        helpers = helpers_of(caller.pid)
        caller.kill()
    assert len(helpers) >= 3
    deadline = time.monotonic() + 5
    while any(map(lives, helpers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not list(filter(lives, helpers))


def test_modules_can_be_loaded_ahead_and_packages_be_allowed() -> None:
    with make_sandbox("forkserver", preload=["numpy"], site_packages=True) as sandbox:
        result = python(sandbox, "import numpy as np; print(int(np.arange(5).sum()))", Limits(memory_bytes=2**30))
        assert result.stdout == b"10\n", result.stderr
        assert result.cpu_s < 0.2


def test_a_module_that_cannot_be_loaded_ahead_is_our_failure() -> None:
    with (
        make_sandbox("forkserver", preload=["no_such_module"]) as sandbox,
        pytest.raises(SandboxError, match="No module named 'no_such_module'"),
    ):
        sandbox.run(RunSpec(""))


def test_isolation_is_a_value() -> None:
    assert Isolation(("rlimits",)) == Isolation(("rlimits",))
