"""Plain processes: they run, their limits hold, nothing stays, and no more isolation is claimed than there is."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
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
from rlvr_gym.verifiers.sandbox.base import Job
from rlvr_gym.verifiers.sandbox.languages import find_language
from rlvr_gym.verifiers.sandbox.local import folder, plan, portable, supervisor

MIB = 2**20
TIGHT = Limits(cpu_s=5, wall_s=10, memory_bytes=256 * MIB)
BRIEF = Limits(wall_s=0.5)

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a tree of processes uses")


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
    with make_sandbox("subprocess", concurrency=16) as made:
        try:
            made.isolation()
        except SandboxError as error:
            pytest.skip(str(error))
        yield made


def python(sandbox: Sandbox, code: str, limits: Limits = TIGHT, **rest: object) -> RunResult:
    return sandbox.run(RunSpec(code, limits=limits, **rest))  # type: ignore[arg-type]


def directories() -> set[str]:
    return set(os.listdir(tempfile.gettempdir()))


def running(word: str) -> bool:
    """Whether a process has this word on its command line."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if word.encode() in path.read_bytes():
                return True
    return False


def children() -> set[str]:
    return {word for path in Path("/proc/self/task").glob("*/children") for word in path.read_text().split()}


# --- What a program may do -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "stdout"),
    [
        ("print(sum(map(int, input().split())))", b"6\n"),
        ("import sys; sys.stdout.write('x' * 900_000)", b"x" * 900_000),
        ("import threading\nt = threading.Thread(target=print, args=(5,))\nt.start()", b"5\n"),
        ("import subprocess; print(subprocess.run('exit 3', shell=True).returncode)", b"3\n"),
        ("import helper; print(helper.VALUE)", b"7\n"),
        ("print(open('data/in.txt').read())", b"deep\n"),
        ("import sys; print(sys.argv[1:])", "['a b', 'é', \"'\"]\n".encode()),
        ("import os; print(os.environ['HOME'] == os.getcwd(), sorted(os.listdir('.')))",
         b"True ['data', 'helper.py', 'main.py']\n"),
    ],
)  # fmt: skip
def test_ordinary_programs_run(sandbox: Sandbox, code: str, stdout: bytes) -> None:
    files = {"helper.py": "VALUE = 7", "data/in.txt": "deep"}
    result = python(sandbox, code, stdin="1 2 3\n", files=files, argv=("a b", "é", "'"))
    assert (result.stdout, result.stderr, result.exit_code, result.signal, result.limit) == (stdout, b"", 0, None, None)


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("bash", "read x; echo $((x * 2))"),
        ("perl", "print 2 * <STDIN>, qq(\\n)"),
        ("c", '#include <stdio.h>\nint main(){int x; scanf("%d", &x); printf("%d\\n", 2 * x);}'),
    ],
)
def test_other_languages_run_where_their_tools_are(sandbox: Sandbox, language: str, code: str) -> None:
    if language not in languages_here():
        pytest.skip(f"the tools of {language} are not on this machine")
    result = sandbox.run(RunSpec(code, language=language, stdin="21\n"))
    assert (result.stdout, result.phase, result.exit_code) == (b"42\n", "run", 0), result


def test_two_programs_talk_to_each_other(sandbox: Sandbox) -> None:
    code = "for i in range(5):\n    print(i, flush=True)\n    assert int(input()) == i * i"
    peer = RunSpec("import sys\nfor line in sys.stdin: print(int(line) ** 2, flush=True)")
    result = python(sandbox, code, peer=peer)
    assert (result.exit_code, result.stderr, result.stdout) == (0, b"", b"")
    assert result.peer is not None
    assert (result.peer.exit_code, result.peer.stderr) == (0, b"")


# --- How a program ends --------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize(
    ("code", "exit_code", "number"),
    [
        ("import sys; sys.exit(3)", 3, None),
        ("import os; os._exit(137)", 137, None),
        ("1 / 0", 1, None),
        ("import os; os.kill(os.getpid(), 9)", None, signal.SIGKILL),
        ("import os; os.kill(os.getpid(), 15)", None, signal.SIGTERM),
        ("import os; os.abort()", None, signal.SIGABRT),
        ("import signal; signal.raise_signal(signal.SIGINT)", None, signal.SIGINT),
    ],
)
def test_exit_status_and_signal_are_told_apart(
    sandbox: Sandbox, code: str, exit_code: int | None, number: int | None
) -> None:
    result = python(sandbox, code)
    assert (result.exit_code, result.signal, result.limit) == (exit_code, number, None)


@linux
def test_what_was_used_is_measured(sandbox: Sandbox) -> None:
    code = "import time\nx = b'x' * (100 << 20)\nt = time.process_time()\nwhile time.process_time() < t + 0.3: pass"
    result = python(sandbox, code)
    assert 0.3 < result.cpu_s < 1.5
    assert 0.3 < result.wall_s < 8
    assert 100 * MIB < result.peak_memory_bytes < 140 * MIB


@linux
@pytest.mark.parametrize(
    ("code", "limits", "limit"),
    [
        ("while True: pass", Limits(cpu_s=0.5), "cpu"),
        ("import os\nos.fork(); os.fork()\nwhile True: pass", Limits(cpu_s=0.5), "cpu"),
        ("import time; time.sleep(60)", BRIEF, "wall"),
        ("import time\nwhile True: print('.', flush=True); time.sleep(0.02)", BRIEF, "wall"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", BRIEF, "wall"),
        ("x = [0] * 10**9", TIGHT, "memory"),
        ("x = []\nwhile True: x.append(bytearray(1 << 20))", TIGHT, "memory"),
        ("import os, time\nos.fork(); os.fork()\nx = b'x' * (90 << 20)\ntime.sleep(5)", TIGHT, "memory"),
        ("while True: print('x' * 1000)", Limits(output_bytes=5000), "output"),
        ("import sys\nwhile True: sys.stderr.write('x' * 1000)", Limits(output_bytes=5000), "output"),
        ("import os, time\nfor _ in range(40):\n    if os.fork() == 0: break\ntime.sleep(5)", TIGHT, "processes"),
        ("open('f', 'wb').write(b'x' * (2 << 20))", Limits(file_bytes=MIB), "file"),
        ("import time\nfor i in range(9): open(f'{i}', 'wb').write(b'x' * (1 << 20))\ntime.sleep(5)",
         Limits(disk_bytes=4 * MIB), "file"),
    ],
)  # fmt: skip
def test_the_limit_that_ends_a_program_is_told(sandbox: Sandbox, code: str, limits: Limits, limit: str) -> None:
    result = python(sandbox, code, limits)
    assert result.limit == limit
    assert result.ok is False
    assert len(result.stdout) <= limits.output_bytes
    assert result.wall_s < 15


def test_stdin_may_be_large_and_need_not_be_read(sandbox: Sandbox) -> None:
    assert python(sandbox, "print(1)", stdin=b"x" * (20 * MIB)).stdout == b"1\n"
    assert python(sandbox, "import time; time.sleep(99)", BRIEF, stdin=b"x" * MIB).limit == "wall"
    assert python(sandbox, "import sys; print(len(sys.stdin.read()))", stdin=b"x" * MIB).stdout == b"1048576\n"


# --- Files ---------------------------------------------------------------------------------------------------------


@posix
def test_files_are_brought_back_and_nothing_but_files(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("x")
    code = """
import os, sys
os.makedirs('d/e')
open('d/e/deep', 'wb').write(bytes(range(256)))
os.symlink(sys.argv[1], 'link')
os.symlink('d', 'linked')
os.mkfifo('fifo')
"""
    names = ("d/e/deep", "large", "link", "linked/e/deep", "fifo", "d", "none")
    limits = Limits(file_bytes=1000)
    outside = str(tmp_path / "outside")
    result = python(sandbox, code, limits, files={"large": "x" * 1001}, argv=(outside,), collect=names)
    assert (result.exit_code, result.files) == (0, {"d/e/deep": bytes(range(256))})


@posix
@pytest.mark.parametrize(
    "leave",
    [
        "import os\nos.makedirs('a/b')\nopen('a/b/f', 'w').close()\nfor name in ('a/b', 'a', '.'): os.chmod(name, 0)",
        "import os\nfor _ in range(1200):\n    os.mkdir('d' * 50)\n    os.chdir('d' * 50)\nopen('f', 'w').close()",
        "import os\nos.symlink('/', 'root')\nos.symlink('self', 'self')\nos.symlink('..', 'up')\nos.mkfifo('fifo')",
        "for i in range(3000): open(f'f{i}', 'w').close()",
        "import os, shutil\nshutil.rmtree(os.getcwd(), ignore_errors=True)",
        "import os\nos.mkdir(b'\\xff\\n')\nopen(b'\\xff\\n/-rf', 'w').close()",
    ],
)
def test_whatever_a_program_leaves_is_gone(sandbox: Sandbox, leave: str) -> None:
    before = directories()
    result = python(sandbox, leave)
    assert result.exit_code == 0, result.stderr
    assert directories() <= before


@posix
def test_a_link_in_the_directory_is_removed_and_not_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x")
    (tmp_path / "gone" / "inner").mkdir(parents=True)
    (tmp_path / "gone" / "inner" / "link").symlink_to(tmp_path / "kept")
    folder.remove_folder(str(tmp_path / "gone"))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "kept"]


@posix
def test_files_are_written_through_no_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "link").symlink_to(tmp_path / "outside")
    fd = os.open(tmp_path / "work", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="link"):
            folder.write_files(fd, {"link/f": b"x"})
        folder.write_files(fd, {"a/b": b"x", "a/c": b"y"})
    finally:
        os.close(fd)
    assert not list((tmp_path / "outside").iterdir())
    assert (tmp_path / "work" / "a" / "c").read_bytes() == b"y"


# --- Nothing stays -------------------------------------------------------------------------------------------------


@linux
@pytest.mark.parametrize(
    "code",
    [
        "import os, sys\nif os.fork() == 0: os.execvp('sleep', ['sleep', sys.argv[1]])",
        "import os, sys\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        os.execvp('sleep', ['sleep', sys.argv[1]])\n    os._exit(0)\nos.wait()",
        "import os, signal, sys\nif os.fork() == 0:\n    os.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    os.execvp('sleep', ['sleep', sys.argv[1]])\nos.kill(os.getpid(), 9)",
        "import os, sys\nos.setsid() if os.fork() == 0 else None\nos.execvp('sleep', ['sleep', sys.argv[1]])",
    ],
)
def test_all_that_a_program_started_ends_with_it(sandbox: Sandbox, code: str) -> None:
    word = f"{os.getpid()}{time.monotonic_ns()}"
    python(sandbox, code, Limits(wall_s=1), argv=(word,))
    assert not running(word)


@linux
def test_an_exception_in_the_middle_leaves_nothing(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    before, files = directories(), sorted(os.listdir("/proc/self/fd"))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    word = f"{os.getpid()}{time.monotonic_ns()}"
    monkeypatch.setattr(supervisor.Program, "_drain", interrupted)
    code = (
        "import os, sys\nif os.fork() == 0: os.execvp('sleep', ['sleep', sys.argv[1]])\nprint(1, flush=True)\nos.wait()"
    )
    with pytest.raises(KeyboardInterrupt):
        python(sandbox, code, argv=(word,))
    assert not running(word)
    assert directories() <= before
    assert sorted(os.listdir("/proc/self/fd")) == files


@linux
def test_all_dies_with_this_process(own_tmp: str) -> None:
    word = f"{os.getpid()}{time.monotonic_ns()}"
    code = (
        "from rlvr_gym.verifiers.sandbox import RunSpec, make_sandbox\n"
        f"make_sandbox('subprocess').run(RunSpec('import os; os.system(\"sleep {word}; true\")'))"
    )
    before = directories()
    with subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "TMPDIR": own_tmp}) as caller:
        deadline = time.monotonic() + 20
        while not running(word + "\0") and time.monotonic() < deadline and caller.poll() is None:
            time.sleep(0.05)
        caller.kill()
    deadline = time.monotonic() + 10
    while running(word + "\0") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(word + "\0")
    for name in directories() - before:  # a caller that is killed cannot remove the directory
        folder.remove_folder(os.path.join(own_tmp, name))


@linux
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
result = make_sandbox("subprocess").run(RunSpec(program, stdin="read", files={{"d/f": "x"}}, collect=("d/f",)))
os.write(out, repr((result.stdout, result.exit_code, result.files)).encode())
"""
    subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert (tmp_path / "out").read_text() == repr((b"read set() 0o22\n", 0, {"d/f": b"x"}))


@linux
def test_sixty_runs_leave_no_process_descriptor_or_file(sandbox: Sandbox) -> None:
    files, before, processes = sorted(os.listdir("/proc/self/fd")), directories(), children()
    specs = [RunSpec(f"read x; echo $((x + {i})) > f; cat f", language="bash", stdin="1000") for i in range(60)]
    results = sandbox.run_batch(specs)
    assert [r.stdout for r in results if isinstance(r, RunResult)] == [b"%d\n" % (1000 + i) for i in range(60)]
    assert sorted(os.listdir("/proc/self/fd")) == files
    assert directories() <= before
    assert children() <= processes


@linux
@pytest.mark.skipif(os.geteuid() != 0, reason="only root could signal all processes")
def test_a_program_started_by_root_cannot_end_the_others(sandbox: Sandbox) -> None:
    found = python(sandbox, "import os; print(os.getpid(), os.getppid())")
    assert found.stdout == b"2 1\n" or "uid" in found.isolation.layers  # else what follows would end this machine
    with subprocess.Popen(["sleep", "60"]) as other:
        python(sandbox, "import os; os.kill(-1, 9)")
        assert other.poll() is None
        other.kill()


# --- Isolation as data ---------------------------------------------------------------------------------------------


def test_layers_in_force_are_reported_and_known(sandbox: Sandbox) -> None:
    found = sandbox.isolation()
    assert set(found.layers) | set(found.missing) <= set(LAYERS)
    assert not set(found.layers) & set(found.missing)
    assert found.level == ("limits" if os.name == "posix" else "none")
    assert python(sandbox, "").isolation == found
    assert found.missing["network_namespace"] == "a plain process can use the network"


def test_nothing_is_run_where_confinement_is_asked_for() -> None:
    with pytest.raises(SandboxError, match=r"reaches isolation '\w+' here, and 'confined' is asked for .*docker"):
        make_sandbox("subprocess", min_isolation="confined").run(RunSpec("print(1)"))


@linux
def test_a_program_finds_nothing_of_its_callers(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLVR_SECRET", "x")
    code = """
import os
print([fd for fd in range(100) if os.path.exists(f'/proc/self/fd/{fd}')], 'RLVR_SECRET' in os.environ)
print(os.getsid(0) == os.getpid(), open('/proc/self/status').read().split('NoNewPrivs:')[1].split()[0])
"""
    with open(os.devnull, "rb") as file:
        os.set_inheritable(file.fileno(), True)
        assert python(sandbox, code).stdout == b"[0, 1, 2] False\nTrue 1\n"


SYSTEM_PYTHON = os.path.realpath("/usr/bin/python3")


@linux
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give runs a user id of their own")
@pytest.mark.skipif(not os.access(SYSTEM_PYTHON, os.X_OK), reason="needs a Python that every user can read")
def test_root_gives_every_run_a_user_of_its_own_where_that_user_can_run_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "interpreter", lambda: SYSTEM_PYTHON)
    sandbox = make_sandbox("subprocess", concurrency=4)
    found = sandbox.isolation()
    assert {"uid", "no_capabilities", "no_new_privs"} <= set(found.layers)
    look = "import os, time; open('f', 'w').close(); time.sleep(0.3); print(os.getuid(), os.stat('f').st_uid)"
    results = [result for result in sandbox.run_batch([RunSpec(look)] * 4) if isinstance(result, RunResult)]
    users = [result.stdout.split() for result in results]
    assert len({user for user, _ in users}) == 4
    assert all(user == owner and int(user) > 0x60000000 - 1 for user, owner in users)
    assert b"PermissionError" in python(sandbox, "open('/etc/shadow')").stderr
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    assert python(sandbox, bomb, Limits(processes=16)).limit == "processes"
    before = directories()
    assert python(sandbox, "import os\nos.chmod('.', 0)\nos.rename(os.getcwd(), '/tmp/mine')").exit_code == 1
    assert directories() <= before


# --- Where there is nothing to build on -----------------------------------------------------------------------------


def job(code: str, limits: Limits = BRIEF, stdin: bytes = b"", collect: tuple[str, ...] = ()) -> Job:
    language = find_language("python")
    files = {"main.py": code.encode(), "d/in": b"x"}
    return Job(language, language.run, files, stdin, collect, limits)


@pytest.mark.parametrize(
    ("program", "exit_code", "stdout", "limit"),
    [
        (job("print(input())", Limits(wall_s=20), b"hello\n"), 0, b"hello", None),
        (job("import sys; sys.exit(3)", Limits(wall_s=20)), 3, b"", None),
        (job("import time; time.sleep(60)"), None, b"", "wall"),
        (job("while True: print('x' * 1000)", Limits(wall_s=20, output_bytes=100)), None, b"x" * 100, "output"),
        (job("print('x' * 1000)", Limits(wall_s=20, output_bytes=100)), None, b"x" * 100, "output"),
    ],
)
def test_the_portable_way_keeps_time_and_output(
    program: Job, exit_code: int | None, stdout: bytes, limit: str | None
) -> None:
    result = portable.run(program, Isolation())
    assert (result.stdout.strip(), result.limit) == (stdout, limit)
    assert limit == "output" or result.exit_code == exit_code
    assert result.isolation.level == "none"


def test_the_portable_way_brings_files_back_and_connects_peers() -> None:
    write = "import os\nopen('f', 'w').write(open('d/in').read())\nos.mkdir('e')"
    result = portable.run(job(write, Limits(wall_s=20), collect=("f", "d/in", "e", "none")), Isolation())
    assert result.files == {"f": b"x", "d/in": b"x"}
    first = job("print(6, flush=True); import sys; sys.exit(int(input()))", Limits(wall_s=20))
    second = job("print(int(input()) * 7, flush=True)", Limits(wall_s=20))
    both = portable.run(
        Job(first.language, first.command, first.files, b"", (), first.limits, peer=second), Isolation()
    )
    assert (both.exit_code, both.peer and both.peer.exit_code) == (42, 0)
