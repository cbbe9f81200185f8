"""Bubblewrap: what a program may do works, what it may not fails, limits are told, and nothing of a run stays."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
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
from rlvr_gym.verifiers.sandbox.local import bubblewrap, supervisor
from rlvr_gym.verifiers.sandbox.local.plan import own_uid

MIB = 2**20
TIGHT = Limits(cpu_s=5, wall_s=10, memory_bytes=256 * MIB)


def why_not() -> str:
    """Why bubblewrap cannot be tested on this machine; empty where it can."""
    if sys.platform != "linux" or shutil.which("bwrap") is None:
        return "bubblewrap is not installed"
    try:
        make_sandbox("bubblewrap").isolation()
    except SandboxError as error:
        return str(error)
    return ""


WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


@pytest.fixture(scope="module", autouse=True)
def own_tmp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A place for temporary files that no other process uses, and that every user may enter."""
    tmp_path_factory.getbasetemp()  # that of pytest stays where it is
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o711)
        tempfile.tempdir = path
        yield path
        tempfile.tempdir = before


@pytest.fixture(scope="module")
def sandbox(own_tmp: str) -> Iterator[Sandbox]:
    with make_sandbox("bubblewrap", concurrency=32) as made:
        yield made


def python(sandbox: Sandbox, code: str, limits: Limits = TIGHT, **rest: object) -> RunResult:
    return sandbox.run(RunSpec(code, limits=limits, **rest))  # type: ignore[arg-type]


def descendants() -> set[int]:
    """Ids of all processes below this one."""
    found, todo = set(), [os.getpid()]
    while todo:
        for task in Path(f"/proc/{todo.pop()}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                children = [int(word) for word in task.read_text().split()]
                found |= set(children)
                todo += children
    return found


def command_lines() -> list[str]:
    """Of all processes on this machine that can be seen."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
    return lines


def alive(pid: int) -> bool:
    """Whether a process runs; what is dead may yet wait for process 1 to reap it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- What a program may do -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "stdout"),
    [
        ("print(sum(map(int, input().split())))", b"6\n"),
        ("import sys; sys.stdout.write('x' * 900_000)", b"x" * 900_000),
        ("import threading\nt = threading.Thread(target=print, args=(5,))\nt.start()", b"5\n"),
        ("import os\nif os.fork() == 0:\n    os._exit(7)\nprint(os.WEXITSTATUS(os.wait()[1]))", b"7\n"),
        ("import subprocess; print(subprocess.run('exit 3', shell=True).returncode)", b"3\n"),
        ("import multiprocessing as m\nwith m.Pool(2) as p: print(p.map(abs, [-1, -2]))", b"[1, 2]\n"),
        ("open('a', 'w').write('x'); print(open('/tmp/a').read())", b"x\n"),
        ("import helper; print(helper.VALUE)", b"7\n"),
        ("print(open('data/in.txt').read())", b"deep\n"),
        ("import sys; print(sys.argv[1:])", "['a b', 'é', \"'\"]\n".encode()),
        ("import os; print(sorted(set(os.listdir('/dev')) - {'fd', 'shm', 'stdin', 'stdout', 'stderr'}))",
         b"['full', 'null', 'random', 'urandom', 'zero']\n"),
    ],
)  # fmt: skip
def test_ordinary_programs_run(sandbox: Sandbox, code: str, stdout: bytes) -> None:
    files = {"helper.py": "VALUE = 7", "data/in.txt": "deep"}
    result = python(sandbox, code, stdin="1 2 3\n", files=files, argv=("a b", "é", "'"))
    assert (result.stdout, result.stderr, result.exit_code, result.signal, result.limit) == (stdout, b"", 0, None, None)


PROGRAMS = {
    "bash": "read x; echo $((x * 2))",
    "perl": "print 2 * <STDIN>, qq(\\n)",
    "javascript": "console.log(2 * require('fs').readFileSync(0))",
    "c": "#include <stdio.h>\nint main(){int x; scanf(\"%d\", &x); printf(\"%d\\n\", 2 * x);}",
    "cpp": "#include <iostream>\nint main(){int x; std::cin >> x; std::cout << 2 * x << '\\n';}",
    "rust": "fn main(){let mut s = String::new(); std::io::stdin().read_line(&mut s).unwrap();"
            "println!(\"{}\", 2 * s.trim().parse::<i32>().unwrap());}",
    "java": "public class Main{public static void main(String[] a){"
            "System.out.println(2 * new java.util.Scanner(System.in).nextInt());}}",
    "go": "package main\nimport \"fmt\"\nfunc main(){var x int; fmt.Scan(&x); fmt.Println(2 * x)}",
}  # fmt: skip


@pytest.mark.parametrize("language", PROGRAMS)
def test_other_languages_run_where_their_tools_are(sandbox: Sandbox, language: str) -> None:
    if language not in languages_here():
        pytest.skip(f"the tools of {language} are not on this machine")
    result = sandbox.run(RunSpec(PROGRAMS[language], language=language, stdin="21\n"))
    assert (result.stdout, result.phase, result.exit_code) == (b"42\n", "run", 0), result


def test_what_a_compiler_refuses_is_told_as_the_compilers_word(sandbox: Sandbox) -> None:
    if "c" not in languages_here():
        pytest.skip("there is no C compiler")
    result = sandbox.run(RunSpec("int main(", language="c"))
    assert (result.phase, result.exit_code) == ("compile", 1)
    assert b"main.c" in result.stderr


def test_a_language_without_its_tool_is_our_failure(sandbox: Sandbox) -> None:
    missing = sorted(set(PROGRAMS) - set(languages_here()))
    if not missing:
        pytest.skip("the tools of all languages are on this machine")
    with pytest.raises(SandboxError, match=r"cannot run .* here: it needs"):
        sandbox.run(RunSpec("", language=missing[0]))


# --- How a program ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "exit_code", "number"),
    [
        ("import sys; sys.exit(3)", 3, None),
        ("import os; os._exit(137)", 137, None),
        ("import os; os._exit(255)", 255, None),
        ("1 / 0", 1, None),
        ("import os; os.kill(os.getpid(), 9)", None, signal.SIGKILL),
        ("import os; os.abort()", None, signal.SIGABRT),
        ("import ctypes; ctypes.string_at(0)", None, signal.SIGSEGV),
        ("import os, signal; signal.signal(13, signal.SIG_DFL); os.kill(os.getpid(), 13)", None, signal.SIGPIPE),
        ("import os, time; os.chmod('.', 0); time.sleep(0.1)", 0, None),
    ],
)
def test_exit_status_and_signal_are_told_apart(
    sandbox: Sandbox, code: str, exit_code: int | None, number: int | None
) -> None:
    result = python(sandbox, code)
    assert (result.exit_code, result.signal, result.limit) == (exit_code, number, None)


def test_what_was_used_is_measured(sandbox: Sandbox) -> None:
    code = "import time\nx = b'x' * (100 << 20)\nt = time.process_time()\nwhile time.process_time() < t + 0.3: pass"
    result = python(sandbox, code)
    assert 0.3 < result.cpu_s < 1.5
    assert 0.3 < result.wall_s < 8
    assert 100 * MIB < result.peak_memory_bytes < 140 * MIB


# --- Limits --------------------------------------------------------------------------------------------------------

HALF = Limits(cpu_s=0.5, wall_s=20)
BRIEF = Limits(wall_s=0.5)
ENDLESS_FORKS = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
MANY_WRITERS = "import os\nfor i in range(99): open(f'f{i}', 'wb').write(b'x' * (8 << 20))"


@pytest.mark.parametrize(
    ("code", "limits", "limit"),
    [
        ("while True: pass", HALF, "cpu"),
        ("import os\nos.fork(); os.fork()\nwhile True: pass", HALF, "cpu"),
        ("import os\nwhile True:\n    if os.fork() == 0: os._exit(0)\n    os.wait()", HALF, "cpu"),
        ("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", HALF, "cpu"),
        ("9 ** 9 ** 9", HALF, "cpu"),
        ("import time; time.sleep(60)", BRIEF, "wall"),
        ("import time\nwhile True: print('.', flush=True); time.sleep(0.02)", BRIEF, "wall"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", BRIEF, "wall"),
        ("x = [0] * 10**9", TIGHT, "memory"),
        ("x = []\nwhile True: x.append(bytearray(1 << 20))", TIGHT, "memory"),
        ("import os, time\nos.fork(); os.fork()\nx = b'x' * (90 << 20)\ntime.sleep(5)", TIGHT, "memory"),
        ("import mmap, time\nx = mmap.mmap(-1, 270 << 20)\nx.write(b'x' * len(x))\ntime.sleep(5)", TIGHT, "memory"),
        ("while True: print('x' * 1000)", Limits(output_bytes=5000), "output"),
        ("print('x' * 200)", Limits(output_bytes=100), "output"),
        ("import sys\nwhile True: sys.stderr.write('x' * 1000)", Limits(output_bytes=5000), "output"),
        (ENDLESS_FORKS, TIGHT, "processes"),
        ("import threading, time\nfor _ in range(50): threading.Thread(target=time.sleep, args=(2,)).start()",
         Limits(processes=8), "processes"),
        ("open('f', 'wb').write(b'x' * (2 << 20))", Limits(file_bytes=MIB), "file"),
        ("import os, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nos.truncate(os.open('f', 66), 1 << 30)",
         TIGHT, "file"),
        ("for i in range(10**7): open(str(i), 'w').close()", Limits(cpu_s=30, wall_s=60), "file"),
    ],
)  # fmt: skip
def test_the_limit_that_ends_a_program_is_told(sandbox: Sandbox, code: str, limits: Limits, limit: str) -> None:
    result = python(sandbox, code, limits)
    assert result.limit == limit
    assert result.ok is False
    assert len(result.stdout) <= limits.output_bytes
    assert len(result.stderr) <= limits.output_bytes
    assert result.wall_s < 15


def test_a_limit_is_told_with_what_was_used(sandbox: Sandbox) -> None:
    spin = python(sandbox, "import os\nos.fork()\nwhile True: pass", HALF)
    assert 0.5 <= spin.cpu_s < 1
    assert python(sandbox, "import time; print(1, flush=True); time.sleep(9)", BRIEF).stdout == b"1\n"
    assert 0.5 <= python(sandbox, "import time; time.sleep(9)", BRIEF).wall_s < 3


def test_what_stays_within_the_limits_is_let_be(sandbox: Sandbox) -> None:
    threads = "import threading, time\nfor _ in range(6): threading.Thread(target=time.sleep, args=(0.2,)).start()"
    assert python(sandbox, threads, Limits(processes=8)).ok
    shared = "import os, time\nx = b'x' * (60 << 20)\nfor _ in range(6):\n    if not os.fork(): break\ntime.sleep(0.2)"
    assert python(sandbox, shared, Limits(memory_bytes=128 * MIB)).ok
    assert python(sandbox, "open('f', 'wb').write(b'x' * (1 << 20))", Limits(file_bytes=MIB)).ok
    assert python(sandbox, "print('x' * 99)", Limits(output_bytes=100)).ok


def test_a_full_disk_is_the_programs_and_ours_stays_as_it_is(sandbox: Sandbox) -> None:
    ours, most = Path(tempfile.gettempdir()), 0  # a folder of this module alone
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(python, sandbox, MANY_WRITERS)
        while not running.done():
            most = max(most, sum(path.lstat().st_size for path in ours.rglob("*") if path.is_file()))
            time.sleep(0.02)
    result = running.result()
    assert b"No space left on device" in result.stderr
    assert not result.ok
    assert most < MIB


def test_stdin_may_be_large_and_need_not_be_read(sandbox: Sandbox) -> None:
    started = time.monotonic()
    assert python(sandbox, "print(1)", stdin=b"x" * (20 * MIB)).stdout == b"1\n"
    assert python(sandbox, "import time; time.sleep(99)", BRIEF, stdin=b"x" * (20 * MIB)).limit == "wall"
    assert python(sandbox, "import sys; print(len(sys.stdin.read()))", stdin=b"x" * MIB).stdout == b"1048576\n"
    echo = "import sys\nfor line in sys.stdin: sys.stdout.write(line)"
    assert python(sandbox, echo, stdin=b"123456789\n" * 90_000).stdout == b"123456789\n" * 90_000
    assert time.monotonic() - started < 15


# --- Files ---------------------------------------------------------------------------------------------------------


def test_files_are_brought_back_and_nothing_but_files(sandbox: Sandbox) -> None:
    code = """
import os
os.makedirs('d/e')
open('d/e/deep', 'wb').write(bytes(range(256)))
open('empty', 'w')
open('exact', 'wb').write(b'x' * 1000)
os.symlink('/etc/ld.so.cache', 'link')
os.symlink('d', 'linked')
os.mkfifo('fifo')
os.mkdir('folder')
open('in.txt', 'w').write('changed')
"""
    names = ("d/e/deep", "empty", "exact", "in.txt", "large", "link", "linked/e/deep", "fifo", "folder", "none", "d")
    files = {"in.txt": "old", "large": "x" * 1001}
    result = python(sandbox, code, Limits(file_bytes=1000), files=files, collect=names)
    assert result.exit_code == 0
    assert result.files == {"d/e/deep": bytes(range(256)), "empty": b"", "exact": b"x" * 1000, "in.txt": b"changed"}


def test_files_are_read_after_all_processes_are_dead(sandbox: Sandbox) -> None:
    code = """
import os, time
open('answer', 'w').write('mine')
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for _ in range(2000):
            open('answer', 'w').write('forged later')
            time.sleep(0.001)
    os._exit(0)
os.wait()
"""
    result = python(sandbox, code, collect=("answer",))
    assert result.ok
    assert result.wall_s < 1.9


def test_whatever_a_program_leaves_is_gone(sandbox: Sandbox) -> None:
    leave = """
import os
os.makedirs('/'.join(['deep' * 10] * 60))
for i in range(3000): open(f'f{i}', 'w').close()
os.symlink('/', 'root')
os.chmod('.', 0)
"""
    assert python(sandbox, leave).exit_code == 0
    assert python(sandbox, "import os; print(os.listdir('.'))").stdout == b"['main.py']\n"
    assert os.listdir(tempfile.gettempdir()) == []


# --- Peers ---------------------------------------------------------------------------------------------------------

GUESS = """
low, high = 0, 1000
while True:
    middle = (low + high) // 2
    print(middle, flush=True)
    answer = input()
    if answer == 'yes': break
    low, high = (middle + 1, high) if answer == 'more' else (low, middle)
"""
JUDGE = """
import sys
for number, line in enumerate(sys.stdin, 1):
    guess = int(line)
    print('yes' if guess == 777 else 'more' if guess < 777 else 'less', flush=True)
    if guess == 777: sys.exit(print(number, file=sys.stderr))
"""


def test_two_programs_talk_to_each_other(sandbox: Sandbox) -> None:
    judge = RunSpec(JUDGE, limits=Limits(memory_bytes=128 * MIB))
    result = python(sandbox, GUESS, peer=judge)
    assert (result.exit_code, result.stdout, result.peer.exit_code, result.peer.stdout) == (0, b"", 0, b"")  # type: ignore[union-attr]
    assert int(result.peer.stderr) <= 10  # type: ignore[union-attr]
    assert result.peer.peer is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("code", "peer", "ends"),
    [
        ("print(input())", "", ((1, None), (0, None))),  # the end of one is the end of the other's input
        ("", "import sys; sys.exit(3 + len(sys.stdin.read()))", ((0, None), (3, None))),
        ("import os, time; os.close(1); time.sleep(1)", "input()", ((0, None), (1, None))),
        ("while True: print('x' * 1000)", "import time; time.sleep(0.2)", ((1, None), (0, None))),
        ("input()", "input()", ((None, "wall"), (1, None))),
        ("import os; os.kill(os.getpid(), 9)", "input()", ((None, None), (1, None))),
    ],
)
def test_the_end_of_one_program_is_told_to_the_other(
    sandbox: Sandbox, code: str, peer: str, ends: tuple[tuple[int | None, str | None], ...]
) -> None:
    result = python(sandbox, code, Limits(wall_s=2), peer=RunSpec(peer, limits=Limits(wall_s=8)))
    assert result.peer is not None
    assert ((result.exit_code, result.limit), (result.peer.exit_code, result.peer.limit)) == ends


# --- Attempts to get out -------------------------------------------------------------------------------------------


def test_no_file_of_this_machine_can_be_read(sandbox: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o644)
    paths = ["/etc/shadow", "/etc/passwd", "/etc/hostname", __file__, str(secret), str(Path.home() / ".bashrc"),
             "/var", "/home", "/sys", "/run", "/proc/1/root", "/proc/1/environ", "/proc/kcore"]  # fmt: skip
    code = f"""
for path in {paths!r}:
    try:
        open(path).read(1)
    except IsADirectoryError:
        print(path)
    except OSError:
        continue
    print(path)
"""
    result = python(sandbox, code)
    assert (result.stdout, result.exit_code) == (b"", 0), result.stderr


def test_nothing_but_the_working_directory_can_be_written(sandbox: Sandbox) -> None:
    code = """
import os
found = []
for folder, names, files in os.walk('/'):
    names[:] = [name for name in names if folder.count('/') < 4 and (folder, name) != ('/', 'tmp')]
    try:
        os.mkdir(os.path.join(folder, 'rlvr-attempt'))
        found.append(folder)
    except OSError:
        pass
print(found)
"""
    assert python(sandbox, code).stdout == b"[]\n"


@pytest.mark.parametrize(
    "attempt",
    [
        "__import__('socket').socket()",
        "__import__('socket').socket(1)",
        "__import__('resource').prlimit(1, 0, (1, 1))",
        "__import__('os').memfd_create('x')",
        "__import__('os').setuid(0)",
        "__import__('os').chroot('/tmp')",
        "__import__('os').mknod('device', 0o60666, 1 << 8)",
        "__import__('os').sethostname(b'x') if hasattr(__import__('os'), 'sethostname') else open('/none')",
        "__import__('os').setpriority(0, 0, -5)",
        "open('/proc/sys/kernel/hostname', 'w').write('x')",
        "open('/proc/sysrq-trigger', 'w').write('b')",
        "open('/proc/1/mem', 'wb')",
        "open('/dev/mem', 'rb')",
        "open('/dev/tty')",
    ],
)
def test_reaching_out_is_refused(sandbox: Sandbox, attempt: str) -> None:
    assert python(sandbox, f"try:\n    {attempt}\nexcept OSError:\n    print('refused')").stdout == b"refused\n"


def test_no_process_outside_can_be_signalled(sandbox: Sandbox) -> None:
    code = """
import os, sys
print(os.getppid(), file=sys.stderr)
for pid in [1, os.getppid(), *map(int, sys.argv[1:]), -1]:
    try:
        os.kill(pid, 9)
        print(pid, flush=True)
    except OSError:
        pass
"""
    with subprocess.Popen(["sleep", "60"]) as victim:
        result = python(sandbox, code, argv=(str(victim.pid),))
        assert victim.poll() is None
        victim.kill()
    assert (result.exit_code, result.stderr) == (0, b"1\n")
    assert set(result.stdout.split()) <= {b"1"}  # process 1 may be signalled by its own user, to no effect


def test_namespaces_and_mounts_are_out_of_reach(sandbox: Sandbox) -> None:
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
attempts = [(libc.unshare, 0x10000000), (libc.unshare, 0x00020000), (libc.mount, b'x', b'/tmp', b'tmpfs', 0, None),
            (libc.umount2, b'/proc/1', 2), (libc.ptrace, 16, 1, 0, 0), (libc.setns, 0, 0), (libc.personality, 0x40000)]
for call, *arguments in attempts:
    if call(*arguments) >= 0: print(call.__name__)
print(sorted(line.split(':')[1].strip() for line in open('/proc/self/status') if line.startswith(('CapPrm', 'CapEff'))))
print(open('/proc/self/status').read().split('NoNewPrivs:')[1].split()[0])
"""
    assert python(sandbox, code).stdout == b"['0000000000000000', '0000000000000000']\n1\n"


def test_a_program_sees_no_process_variable_or_descriptor_but_its_own(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLVR_SECRET", "x")
    code = """
import os
print(sorted(name for name in os.listdir('/proc') if name.isdigit()), os.getsid(0) == os.getpid())
print([fd for fd in range(100) if os.path.exists(f'/proc/self/fd/{fd}')], 'RLVR_SECRET' in os.environ)
print(os.uname().nodename, os.environ['HOME'], os.getcwd(), os.getuid() != 0, os.getgroups() in ([], [65534]))
"""
    with open(os.devnull, "rb") as file:
        os.set_inheritable(file.fileno(), True)
        lines = python(sandbox, code).stdout.splitlines()
    assert lines == [b"['1', '2'] True", b"[0, 1, 2] False", b"sandbox /tmp /tmp True True"]


def test_a_daemon_dies_with_its_run(sandbox: Sandbox) -> None:
    word = f"{os.getpid()}{time.monotonic_ns()}"
    daemon = f"import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep({word[:9]})"
    assert python(sandbox, daemon, argv=(word,)).ok
    alone = "import os, sys\nos.execvp('sleep', ['sleep', sys.argv[1]]) if os.fork() == 0 else print(1)"
    assert python(sandbox, alone, argv=(word,)).stdout == b"1\n"
    assert not [line for line in command_lines() if word in line]


def test_runs_at_one_time_neither_see_nor_reach_each_other(sandbox: Sandbox) -> None:
    stay = "import os, time\nopen('mine', 'w').write('x')\nprint(os.getuid(), flush=True)\ntime.sleep(1.5)"
    look = "import os, time\ntime.sleep(0.7)\nprint(os.path.exists('/tmp/mine'), os.getpid())\nos.kill(-1, 9)"
    results = sandbox.run_batch([RunSpec(stay), RunSpec(stay), RunSpec(look)])
    assert all(isinstance(result, RunResult) for result in results)
    first, second, third = (result for result in results if isinstance(result, RunResult))
    assert (first.ok, second.ok, third.stdout) == (True, True, b"False 2\n")
    if "uid" in first.isolation.layers:
        assert len({first.stdout, second.stdout}) == 2


# --- Failures of ours ----------------------------------------------------------------------------------------------


def test_without_bwrap_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SandboxError, match="install the package 'bubblewrap'"):
        make_sandbox("bubblewrap").run(RunSpec("print(1)"))


def test_what_bwrap_refuses_is_never_the_programs_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SandboxError, match=r"No permissions to create new namespace.*'docker'"):
        make_sandbox("bubblewrap").run(RunSpec("print(1)"))


def test_files_that_do_not_fit_are_refused(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="No space left"):
        python(sandbox, "", Limits(disk_bytes=MIB), files={"large": b"x" * (2 * MIB)})
    with pytest.raises(SandboxError, match="files of a run could not be written"):
        python(sandbox, "", files={"a": "x", "a/b": "x"})


@pytest.mark.parametrize("victim", ["bwrap", "launcher"])
def test_a_sandbox_killed_from_outside_is_our_failure_and_leaves_nothing(sandbox: Sandbox, victim: str) -> None:
    before, errors = descendants(), []

    def run() -> None:
        try:
            python(sandbox, "import time; time.sleep(9)", Limits(wall_s=20))
        except SandboxError as error:
            errors.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: len(descendants() - before) >= 3)
    new = sorted(descendants() - before)
    time.sleep(0.1)
    started = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in new}
    chosen = [pid for pid, name in started.items() if (name == "bwrap") == (victim == "bwrap")]
    os.kill(chosen[0], signal.SIGKILL)
    thread.join(10)
    assert errors
    assert "ended while the program ran" in errors[0]
    assert descendants() <= before
    assert not [pid for pid in new if alive(pid)]


def test_an_exception_in_the_middle_leaves_nothing(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    before, files = descendants(), sorted(os.listdir("/proc/self/fd"))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    for name in ("go", "register", "_finish"):
        with monkeypatch.context() as patch:
            patch.setattr(supervisor.Program, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                python(sandbox, "print(1)")
        assert descendants() <= before
        assert sorted(os.listdir("/proc/self/fd")) == files


def test_all_dies_with_this_process() -> None:
    asleep = f"sleep {os.getpid()}{time.monotonic_ns()}"
    code = (
        "from rlvr_gym.verifiers.sandbox import RunSpec, make_sandbox\n"
        f"make_sandbox('bubblewrap').run(RunSpec('import os; os.system(\"{asleep}\")'))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as caller:
        wait_until(lambda: any(line.startswith(asleep) for line in command_lines()))
        caller.kill()
    wait_until(lambda: not any(line.startswith(asleep) for line in command_lines()))


@pytest.mark.parametrize(
    "state",
    [
        "os.close(0); os.close(1); os.close(2)",
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); os.umask(0o777); os.chdir('/proc/self')",
    ],
)
def test_the_state_of_the_caller_does_not_matter(state: str, tmp_path: Path) -> None:
    code = f"""
import os, signal, sys
from rlvr_gym.verifiers.sandbox import RunSpec, make_sandbox
out = os.open({str(tmp_path / "out")!r}, os.O_CREAT | os.O_WRONLY)
{state}
program = "import os, sys, signal; print(sys.stdin.read(), signal.pthread_sigmask(0, ()), oct(os.umask(0)))"
result = make_sandbox("bubblewrap").run(RunSpec(program, stdin="read", files={{"d/f": "x"}}, collect=("d/f",)))
os.write(out, repr((result.stdout, result.exit_code, result.files)).encode())
"""
    subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert (tmp_path / "out").read_text() == repr((b"read set() 0o22\n", 0, {"d/f": b"x"}))


# --- Many at one time ----------------------------------------------------------------------------------------------


def test_two_hundred_runs_leave_no_process_descriptor_or_file(sandbox: Sandbox) -> None:
    files, before = sorted(os.listdir("/proc/self/fd")), descendants()
    specs = [RunSpec(f"read x; echo $((x + {i})) > f; cat f", language="bash", stdin="1000") for i in range(200)]
    results = sandbox.run_batch(specs)
    assert [r.stdout for r in results if isinstance(r, RunResult)] == [b"%d\n" % (1000 + i) for i in range(200)]
    assert descendants() <= before
    assert sorted(os.listdir("/proc/self/fd")) == files
    assert os.listdir(tempfile.gettempdir()) == []


def test_sixty_four_at_once_work(sandbox: Sandbox) -> None:
    wide = make_sandbox("bubblewrap", concurrency=64)
    results = wide.run_batch([RunSpec("sleep 0.3; echo $$", language="bash")] * 64)
    assert [r.stdout for r in results if isinstance(r, RunResult)] == [b"2\n"] * 64
    assert all(r.isolation == sandbox.isolation() for r in results if isinstance(r, RunResult))


# --- Isolation as data ---------------------------------------------------------------------------------------------


def test_layers_in_force_are_reported_and_known(sandbox: Sandbox) -> None:
    found = sandbox.isolation()
    assert set(found.layers) | set(found.missing) <= set(LAYERS)
    assert not set(found.layers) & set(found.missing)
    assert {"mount_namespace", "pid_namespace", "network_namespace", "private_tmp", "rlimits"} <= set(found.layers)
    assert {"uid", "user_namespace"} & set(found.layers)
    assert found.level in ("confined", "isolated")
    assert python(sandbox, "").isolation == found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change user ids")
def test_where_root_cannot_give_runs_a_user_of_their_own_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "own_uid", lambda: 2**32 - 1)  # no user id: the kernel refuses it
    with pytest.raises(SandboxError, match=r"user id of their own here .*start it by a user who is not root.*'docker'"):
        make_sandbox("bubblewrap").run(RunSpec("print(1)"))


def test_a_launcher_with_the_user_id_of_the_program_cannot_be_ended(sandbox: Sandbox) -> None:
    if "uid" in sandbox.isolation().layers:
        pytest.skip("started by root, the launcher has another user id than the program")
    signals = "import os, time\nfor number in range(1, 65): os.kill(1, number)\ntime.sleep(0.1)"
    assert python(sandbox, signals).exit_code == 0


def test_without_a_seccomp_filter_the_layer_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "_filter", lambda: "there is no table for this machine")
    found = make_sandbox("bubblewrap").isolation()
    assert "seccomp" not in found.layers
    assert found.missing["seccomp"] == "there is no table for this machine"
    assert found.level == "confined"
    with pytest.raises(SandboxError, match="there is no table for this machine"):
        make_sandbox("bubblewrap", min_isolation="isolated").run(RunSpec("print(1)"))


def test_user_ids_of_runs_differ() -> None:
    assert len({own_uid() for _ in range(1000)}) == 1000
    assert not {own_uid() for _ in range(100)} & {0, os.getuid()}


def test_an_unknown_isolation_is_never_claimed(sandbox: Sandbox) -> None:
    job_runs_as = functools.partial(supervisor.run, isolation=Isolation())
    assert job_runs_as.keywords["isolation"].level == "none"
    assert "landlock" not in sandbox.isolation().layers
    assert "cgroup" not in sandbox.isolation().layers
