"""The Python session: a notebook whose state is its cells, and which no cell can break."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rlvr_gym.envs import SnapshotError
from rlvr_gym.envs.tools.python_driver import driver, without_addresses
from rlvr_gym.envs.tools.python_session import LIMITS, MAX_SHOWN_CHARS, PythonSession
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall, ToolResult
from rlvr_gym.envs.tools.toolkit import Limits
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.code.pool import shared_pool
from rlvr_gym.verifiers.sandbox import RunResult, RunSpec, SandboxError

SHORT = {"cpu_s": 1, "wall_s": 5, "memory_bytes": 128 * 2**20, "output_bytes": 30_000}


def play(*cells: str, session: PythonSession | None = None) -> list[ToolResult]:
    """Run cells as an episode does; a tool that breaks would be told by a result, not by an exception."""
    box = Toolbox({"python": session or PythonSession(run_limits=SHORT)})
    return [box.call(ToolCall("python", {"code": cell})) for cell in cells]


def said(*cells: str) -> list[str]:
    return [result.text for result in play(*cells)]


# --- A notebook --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "last"),
    [
        (["x = 6", "x * 7"], "42"),
        (["x = 6"], "(no output)"),
        (["print('a')\n'b'"], "a\n'b'"),
        (["'b';"], "'b'"),
        (["None"], "(no output)"),
        (["import math\ndef area(r):\n    return math.pi * r * r", "round(area(2), 3)"], "12.566"),
        (["class A:\n    n = 1", "A.n += 1", "A().n"], "2"),
        (["import sys\nprint('out')\nprint('err', file=sys.stderr)\nprint('out')"], "out\nerr\nout"),
        (["import os\nprint('first')\nos.write(1, b'second\\n');"], "first\nsecond\n7"),
        (["from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int", "P(3)"], "P(x=3)"),
        (["__name__"], "'__main__'"),
        (["f = [1, 2]", "f.append(3)", "f"], "[1, 2, 3]"),
        (["object()"], "<object object at 0x...>"),
        (["if True:\n    5"], "(no output)"),
        (["import sys\nsys.stdout.write('no end')\nNone"], "no end"),
        (["_ = 5", "_"], "5"),
    ],
)
def test_cells(cells: list[str], last: str) -> None:
    results = play(*cells)
    assert [result.error for result in results] == [""] * len(cells)
    assert results[-1].text == last


def test_an_exception_leaves_what_was_done_before_it() -> None:
    broken = "x = 1\nx = 2\nprint('here')\nraise KeyError('no')\nx = 3"
    first, second = play(broken, "x")
    assert first.error == "tool_error"
    assert first.text.splitlines() == [
        "here",
        "Traceback (most recent call last):",
        '  File "<cell 1>", line 4, in <module>',
        "    raise KeyError('no')",
        "KeyError: 'no'",
    ]
    assert second.text == "2"


def test_a_traceback_names_the_lines_of_all_cells_and_nothing_else() -> None:
    text = said("import json\ndef read(text):\n    return json.loads(text)", "read('{')")[-1]
    assert 'File "<cell 2>", line 1, in <module>\n    read(' in text
    assert 'File "<cell 1>", line 3, in read\n    return json.loads(text)' in text
    assert text.splitlines()[-1].startswith("json.decoder.JSONDecodeError: Expecting property name")
    assert text.count("File") == 2  # not the frames of json, nor of whoever runs the cells


def test_long_tracebacks_are_short() -> None:
    repeating = said("def f(): f()\nf()")[0]
    assert "Previous line repeated" in repeating
    taking_turns = said("def f(): g()\ndef g(): f()\nf()")[0]
    assert "  ...\n" in taking_turns
    for text in (repeating, taking_turns):
        assert text.endswith("RecursionError: maximum recursion depth exceeded")
        assert text.count("\n") < 50


def test_a_syntax_error_is_told_as_one() -> None:
    text = said("x = 1\ny = (")[0]
    assert text.splitlines()[0].strip() == 'File "<cell 1>", line 2'
    assert text.splitlines()[-1] == "SyntaxError: '(' was never closed"


def test_long_output_keeps_its_ends() -> None:
    text = said("print('a' * 4000)\nprint('b' * 4000)\nraise ValueError('the end')")[0]
    assert text.startswith("aaa")
    assert text.endswith("ValueError: the end")
    assert "characters left out]" in text
    assert len(text) < MAX_SHOWN_CHARS + 50


# --- Replays -----------------------------------------------------------------------------------------------------


def test_the_state_is_json_and_another_session_goes_on_from_it() -> None:
    here = PythonSession()
    play("import random\nx = [random.random()]", "x.append(random.random())", session=here)
    state = json.loads(json.dumps(here.get_state()))
    assert [code for code, _ in state["cells"]] == here.public_state()
    there = PythonSession()
    there.set_state(state)
    for cell in ("x.append(random.random()); x", "sum(x)", "1/0"):
        [one], [other] = play(cell, session=here), play(cell, session=there)
        assert one == other
    assert here.get_state() == there.get_state()
    assert len(state["cells"]) == 2  # not changed by what the sessions did since


def test_forks_are_independent() -> None:
    here = PythonSession()
    play("x = 1", session=here)
    there = PythonSession()
    there.set_state(here.get_state())
    play("x = 2", session=there)
    assert [play("x", session=session)[0].text for session in (here, there)] == ["1", "2"]


def test_random_numbers_and_hashes_are_those_of_the_seed() -> None:
    cells = ["import random\nrandom.random()", "random.sample(range(100), 5)", "{'a', 'b', 'c', 'd'}, hash('a')"]
    first, again = (play(*cells, session=PythonSession(seed=7)) for _ in range(2))
    assert first == again
    other = play(*cells, session=PythonSession(seed=8))
    assert first[0] != other[0]
    # random.Random(7).random()
    assert first[0].text == "0.32383276483316237"


def test_random_numbers_of_numpy_are_those_of_the_seed() -> None:
    session = PythonSession(seed=5, sandbox_config={"site_packages": True, "preload": ["numpy.random"]})
    results = play("1", "import numpy as np\nnp.random.rand(2)", "float(np.random.rand())", session=session)
    # numpy.random.RandomState(5).rand(3)
    assert [result.text for result in results] == ["1", "array([0.22199317, 0.87073231])", "0.20671915533942642"]


def test_what_cannot_be_replayed_is_told() -> None:
    results = play("x = 1", "import time\ntime.time_ns()", "x", "x")
    note = "[note: each call runs the earlier cells again, and cell 2 has shown something else]"
    assert [result.error for result in results] == [""] * 4
    assert [result.text for result in results[2:]] == [f"1\n{note}"] * 2


def test_addresses_are_no_difference() -> None:
    results = play("class A: pass\nA(), A().__init__, lambda: 0", "1")
    assert results[1].text == "1"
    assert "0x..." in results[0].text


@given(st.binary(max_size=60) | st.text(alphabet=" at0xf3g", max_size=60).map(str.encode))
def test_leaving_addresses_out_leaves_the_rest(data: bytes) -> None:
    assert b" at 0x7f3a5c0d9e80" not in without_addresses(data + b" at 0x7f3a5c0d9e80")
    assert without_addresses(without_addresses(data)) == without_addresses(data)
    if b" at 0x" not in data:
        assert without_addresses(data) == data


def test_a_cell_that_ends_the_interpreter_is_undone() -> None:
    results = play("x = 1", "x = 2\nprint('so far', flush=True)\nimport os\nos._exit(3)", "x")
    assert results[1].error == "tool_error"
    assert results[1].text == "so far\n[the interpreter was ended with exit status 3; this cell is undone]"
    assert results[2] == ToolResult("python", "1")


def test_exit_is_an_exception_like_others() -> None:
    for cell in ("exit()", "quit(3)", "import sys\nsys.exit('bye')", "raise SystemExit"):
        first, second = play(f"x = 1\n{cell}", "x")
        assert "SystemExit" in first.text
        assert (first.error, second.text) == ("tool_error", "1")


def test_an_earlier_cell_that_ends_the_interpreter_later_loses_the_session() -> None:
    # The first time there is one cell and no scratch file, which lies behind the descriptors of every later run.
    cell = "import os\ntry:\n    os.lseek(1, 0, 0)\nexcept OSError:\n    x = 1\nelse:\n    os._exit(4)"
    results = play(cell, "x", "'anew'")
    assert results[1].text == (
        "[the interpreter was ended with exit status 4 when cell 1 was run again: all is lost, the session begins anew]"
    )
    assert results[2] == ToolResult("python", "'anew'")


# --- Limits ------------------------------------------------------------------------------------------------------


ALL = "the cells of a session together"


@pytest.mark.parametrize(
    ("cell", "limits", "told"),
    [
        ("while True: pass", {"cpu_s": 0.3}, "timed out: {ALL} may take 0.3 s of processor time"),
        ("import threading\nthreading.Event().wait(60)", {"wall_s": 0.5}, "timed out: {ALL} may take 0.5 s"),
        ("while True: print('x' * 99)", {}, "too much output: a cell may show 262,144 bytes"),
        ("print('x' * 9_999)", {"output_bytes": 9_999}, "too much output: a cell may show 9,999 bytes"),
    ],
)
def test_a_cell_that_runs_into_a_limit_is_undone(cell: str, limits: dict[str, float], told: str) -> None:
    results = play("x = 1", f"x = 2\n{cell}", "x", session=PythonSession(run_limits=limits))
    assert f"[{told.format(ALL=ALL)}; this cell is undone]" in results[1].text
    assert results[1].error == "tool_error"
    assert results[2] == ToolResult("python", "1")


def test_memory_that_is_not_there_is_an_exception() -> None:
    first, second = play("x = 1\nx = bytes(1 << 34)", "x")
    assert first.text.endswith("MemoryError")
    assert second.text == "1"


def test_caps_on_cells_and_code() -> None:
    session = PythonSession(max_cells=2, max_code_chars=10)
    results = play("1", "'" + "a" * 10 + "'", "2", "3", session=session)
    assert [result.text for result in results] == [
        "1",
        "code may have 10 characters, this has 12",
        "2",
        "a session may run 2 cells, and has",
    ]
    assert play("x" * 1_000_000)[0].error == "bad_arguments"


def test_cells_that_are_undone_are_counted_and_a_fork_keeps_the_count() -> None:
    session = PythonSession(max_cells=3, run_limits={"wall_s": 0.3})
    play("x = 1", "import threading\nthreading.Event().wait(60)", session=session)
    assert session.public_state() == ["x = 1"]
    twin = PythonSession(max_cells=3)
    twin.set_state(json.loads(json.dumps(session.get_state())))
    for one in (session, twin):
        texts = [result.text for result in play("import os\nos._exit(0)", "x", session=one)]
        assert texts[1] == "a session may run 3 cells, and has"
        assert one.get_state()["calls"] == 3


def test_sleeping_takes_no_time() -> None:
    results = play("import time\ntime.sleep(100)", "from time import sleep\nsleep(1e9)", "sleep(-1)", "sleep('1')")
    assert [result.text for result in results[:2]] == ["(no output)"] * 2  # a limit on the clock would undo them
    assert "ValueError: sleep length must be non-negative" in results[2].text
    assert "TypeError" in results[3].text


def test_settings_that_cannot_be_are_refused() -> None:
    for settings in ({"seed": -1}, {"max_cells": 0}, {"run_limits": {"cpu_s": 0}}, {"run_limits": {"cpus": 1}}):
        with pytest.raises(ConfigError):
            PythonSession(**settings)  # type: ignore[arg-type]
    with pytest.raises(LookupError, match="forkserver"):
        PythonSession(sandbox="forksever")


@pytest.mark.parametrize("cells", [None, {}, [["x"]], ["x"], [["x", 1]], [["x", "1", "2"]]])
def test_what_is_no_state_is_refused(cells: Any) -> None:
    with pytest.raises(SnapshotError, match="expected a list of cells"):
        PythonSession().set_state({"cells": cells, "calls": 9})
    with pytest.raises(SnapshotError, match="expected the cells and calls"):
        PythonSession().set_state(cells)


@pytest.mark.parametrize("calls", [0, None, "1", True, 1.0])
def test_a_count_that_cannot_be_is_refused(calls: Any) -> None:
    with pytest.raises(SnapshotError, match="calls must be a whole number"):
        PythonSession().set_state({"cells": [["x", "0"]], "calls": calls})


def test_limits_of_the_caller_are_those_of_the_tool() -> None:
    [one] = PythonSession(limits=Limits(max_calls=3, cost=0.25)).tools()
    assert (one.name, one.limits) == ("python", Limits(max_calls=3, cost=0.25))


# --- Failures of ours --------------------------------------------------------------------------------------------


class Broken:
    """A pool whose sandbox does not work."""

    def run_all(self, specs: list[RunSpec]) -> list[RunResult | SandboxError]:
        return [SandboxError("the sandbox is away")]


def test_a_sandbox_that_fails_is_a_failure_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    session = PythonSession()
    play("x = 1", session=session)
    monkeypatch.setattr(PythonSession, "_pool", lambda self: Broken())
    [result] = play("x", session=session)
    assert result.error == "broken"
    assert "the sandbox is away" in result.text
    assert session.public_state() == ["x = 1"]


def test_isolation_that_is_not_there_is_a_failure_of_ours() -> None:
    [result] = play("1", session=PythonSession(min_isolation="hardened"))
    assert result.error == "broken"


# --- Attacks -----------------------------------------------------------------------------------------------------

EVERY_FD = (
    "import os\nfor fd in range(3, 128):\n    try:\n        os.write(fd, {})\n    except OSError:\n        pass\n"
)
FRAME = "import sys\nf = sys._getframe()\nwhile 'cells' not in f.f_locals: f = f.f_back\n"
STREAM = "import sys\nclass S:\n    closed = False\n    def write(self, text): raise ValueError\n"

# Each is played after `x = 41` and before `x + 1`: what its own result holds, and what the next one is, where that is
# not 42. None where it depends on the order of threads, or does not matter: it is a result, and that is all.
ATTACKS: dict[str, tuple[str, str | None, str | None]] = {
    "an end that is forged": (f"{EVERY_FD.format(repr(b'done' + bytes([10])))}os._exit(0)", "done", None),
    "lines that are forged": (EVERY_FD.format("b'00000000\\n' * 50"), "00000000", None),
    "lines of garbage": (EVERY_FD.format("b'\\xff\\x00\\n\\r\\x0b\\x1c' * 99"), None, None),
    "a flood of the report": (EVERY_FD.format("b'x' * 100_000"), "too much output", "42"),
    "all descriptors closed": ("import os\nos.closerange(0, 200)", "ended with exit status 0; this cell", "42"),
    "our descriptors closed": ("import os\nos.closerange(3, 200)", "ended with exit status 0; this cell", "42"),
    "stdout closed below": ("import os\nos.close(1)\nos.close(2)", "(no output)", "42"),
    "stdout closed": ("import sys\nsys.stdout.close()\nsys.stderr.close()", "(no output)", "42"),
    "stdout gone": ("import sys\nsys.stdout = sys.stderr = None\n1", "RuntimeError: lost sys.stdout", "42"),
    "stdout deleted": ("import sys\ndel sys.stdout, sys.stderr", "(no output)", "42"),
    "a stdout that raises": (f"{STREAM}    def flush(self): raise KeyboardInterrupt\nsys.stdout = S()", None, None),
    "a stdout that exits": (
        "import sys\nclass S:\n    def __getattr__(self, name): raise SystemExit\nsys.stdout = S()",
        "(no output)",
        "42",
    ),
    "an exit handler": ("import atexit\natexit.register(print, 'late')\n1", "1", "42"),
    "a thread that prints on": (
        "import threading\ndef f():\n    while True: print('t')\nthreading.Thread(target=f).start()",
        None,
        None,
    ),
    "a thread that waits": (
        "import threading\nthreading.Thread(target=threading.Event().wait, args=(60,)).start()",
        None,
        "42",
    ),
    "a fork that goes on": ("import os\nif not os.fork():\n    x = 0", "(no output)", "42"),
    "a fork that stays": ("import os, signal\nif not os.fork():\n    signal.pause()", "(no output)", "42"),
    "bytes that are no text": (
        "import sys\nsys.stdout.buffer.write(b'\\xff\\x00\\x1b[1m\\r')",
        "\ufffd\\x00\\x1b[1m\\x0d7",
        None,
    ),
    "surrogates": ("print(chr(0xd800))\nchr(0xdfff)", "\\ud800\n'\\udfff'", "42"),
    "surrogates in the code": ("'\ud800'", "UnicodeEncodeError", "42"),
    "a NUL in the code": ("1\0", "null bytes", "42"),
    "a deep source": ("(" * 9000 + ")" * 9000, "too many nested parentheses", "42"),
    "a deep expression": ("-" * 19_000 + "1", None, "42"),
    "a long repr": ("10**10000", "Exceeds the limit", "42"),
    "a killed process": ("import os\nos.kill(os.getpid(), 9)", None, "42"),
    "a killed parent": ("import os\nos.kill(os.getppid(), 9)", None, "42"),
    "an interrupt": ("import os\nos.kill(os.getpid(), 2)", "KeyboardInterrupt", "42"),
    "an abort": ("import os\nos.abort()", "ended by signal", "42"),
    "a crash": ("import ctypes\nctypes.string_at(0)", "ended by signal", "42"),
    "an endless recursion": (
        "import sys\nsys.setrecursionlimit(10**9)\nclass R:\n    def __repr__(self): return repr(self)\nR()",
        None,
        "42",
    ),
    "builtins replaced": (
        "import builtins\nbuiltins.exec = builtins.compile = builtins.len = builtins.enumerate = None",
        "(no output)",
        "[the interpreter was ended with exit status 1 when cell 2 was run again: all is lost",
    ),
    "os replaced": ("import os\nos.write = os.dup2 = os.getpid = os.pread = None", "this cell is undone", "42"),
    "no way to leave": ("import os\nos._exit = lambda status: None", "(no output)", "42"),
    "modules cleared": ("import sys\nsys.modules.clear()", None, "42"),
    "traceback replaced": ("import traceback\ntraceback.TracebackException = None\n1/0", "cannot be shown", "42"),
    "names cleared": ("globals().clear()", "(no output)", None),
    "our cells changed": (f"{FRAME}f.f_locals['cells'].extend(['print(1)'] * 5)", None, None),
    "our cells cleared": (f"{FRAME}f.f_locals['cells'].clear()", None, None),
    "a tracer": ("import sys\ndef t(*args): raise ValueError('t')\nsys.settrace(t)\n1", "ValueError: t", "42"),
    "a profiler": ("import sys\ndef t(*args): raise ValueError('t')\nsys.setprofile(t)\n1", "ValueError: t", "42"),
    "a timer": ("import signal\nsignal.signal(14, lambda *args: 1 / 0)\nsignal.setitimer(0, 1e-4, 1e-4)", None, None),
    "an audit hook": ("import sys\ndef t(*args): raise ValueError\nsys.addaudithook(t)", None, None),
    "no more descriptors": ("import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))", None, None),
    "no more files": ("import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\nprint(1)", "1", None),
    "an exception that cannot be told": (
        "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E",
        "E: <exception str() failed>",
        "42",
    ),
    "a repr that is none": (
        "class R:\n    def __repr__(self): return 5\nR()",
        "TypeError: __repr__ returned non-string",
        "42",
    ),
    "a repr that exits": ("class R:\n    def __repr__(self): raise SystemExit(3)\nR()", "SystemExit: 3", "42"),
    "an exit that cannot be told": (
        "import sys\nclass E:\n    def __str__(self): raise KeyError\nsys.exit(E())",
        "SystemExit",
        "42",
    ),
    "a display that is none": ("import sys\nsys.displayhook = None\n1", "TypeError", None),
    "an input": ("input()", "EOFError", "42"),
    "a group": (
        "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])",
        "ExceptionGroup: g (2 sub-exceptions)",
        "42",
    ),
    "an exception from nowhere": ("raise BaseException('b')", "BaseException: b", "42"),
    "a generator's end": ("raise GeneratorExit", "GeneratorExit", "42"),
    "garbage": (
        "import gc\nfor o in gc.get_objects():\n    if isinstance(o, dict) and 'cells' in o: o.clear()",
        None,
        "42",
    ),
    "an await": ("await x", "SyntaxError", "42"),
    "our files": ("import os\nos.listdir('.')", "[]", "42"),
    "our environment": ("import os\nsorted(k for k in os.environ if 'RLVR' in k)", "[]", "42"),
    "a note that is forged": ("print('[note: cell 1 has shown something else]')", "[note: cell 1", "42"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_cell_cannot_break_the_session(name: str) -> None:
    cell, first, second = ATTACKS[name]
    results = play("x = 41", cell, "x + 1", "y = 1")
    assert {result.error for result in results} <= {"", "tool_error"}
    assert all(isinstance(result.text, str) and 0 < len(result.text) <= 4_000 for result in results)
    if first is not None:
        assert first in results[1].text
    if second is not None:
        assert results[2].text.startswith(second)
    assert all("main.py" not in result.text and "rlvr_gym" not in result.text for result in results)


def test_after_every_attack_other_sessions_are_as_before() -> None:
    assert said("x = 41", "x + 1") == ["(no output)", "42"]


@pytest.mark.parametrize(
    "report",
    [b"", b"\n" * 99, b"done", b"done\ndone\ndone\n", b"\xff" * 500, b"raised\r\n", b"0" * 99_999, b"done\x1cdone\x85"],
)
@pytest.mark.parametrize("limit", [None, "cpu", "processes", "no such limit"])
def test_any_report_gives_a_text(report: bytes, limit: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    isolation = shared_pool("forkserver", {}).sandbox.isolation()
    answer = RunResult(None, None, b"\xff\x00", report, limit, 0.0, 0.0, 0, isolation)

    class Pool:
        def run_all(self, specs: list[RunSpec]) -> list[RunResult]:
            return [answer] * len(specs)

    monkeypatch.setattr(PythonSession, "_pool", lambda self: Pool())
    session = PythonSession()
    for _ in range(3):
        [result] = play("1", session=session)
        assert result.text
        assert result.error in ("", "tool_error")
        again = PythonSession()
        again.set_state(session.get_state())


def test_the_driver_is_a_program() -> None:
    compile(driver(), "driver", "exec")
    assert LIMITS.output_bytes > MAX_SHOWN_CHARS


def test_another_sandbox_runs_the_same_cells() -> None:
    cells = ["import random\nx = random.random()", "print('hi')\nx", "1/0", "import os\nos._exit(2)", "round(x, 3)"]
    plain = PythonSession(sandbox="subprocess", min_isolation="limits")
    assert play(*cells, session=plain) == play(*cells)
