"""The catalogue of hacks, by its numbers: each is a program that must not pass, and must not become ungradable.

The programs are in `hacks.txt`, and honest ones that do odd things in `honest.txt`. Left out is 60, an exploit of the
kernel, of which there is none to show; 53 and 54 have their like for files taken back in the tests of the sandboxes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rlvr_gym.verifiers import Verdict, Verifier, make_verifier
from rlvr_gym.verifiers.sandbox import make_sandbox

HERE = Path(__file__).parent
SECRET = "8675309"
# Many hacks use up their limits; all others are over after some hundredths of a second.
LIMITS = {"cpu_s": 0.5, "wall_s": 3, "memory_bytes": 256 * 2**20, "disk_bytes": 8 * 2**20}
AMPLE = {**LIMITS, "cpu_s": 10, "wall_s": 60}
AT_ONCE = 8  # of which some sleep
REFERENCE: dict[str, Any] = {
    "kind": "asserts",
    "asserts": ["assert f(1) == 'value ' + '8675309'", "assert f(2) == ['value', 8675309]"],
    "names": ["f"],
    "prelude": "answer_8675309 = 8675309",
}
CALLS: dict[str, Any] = {
    "kind": "calls",
    "entry_point": "f",
    "tests": [{"args": [1], "expected": "value 8675309"}, {"args": [2], "expected": ["value", 8675309]}],
}
STDIO: dict[str, Any] = {"kind": "stdio", "tests": [{"stdin": "1", "stdout": "value 8675309"}]}
SEARCH = """
import builtins, gc, inspect, os, sys
found = []
def wanted():
    return "".join(reversed("9035768"))
def look(value):
    try:
        text = value if isinstance(value, str) else value.decode("latin-1") if isinstance(value, bytes) else repr(value)
    except BaseException:
        return
    if wanted() in text:
        found.append(text)
def f(x):
    SEARCHING
    return "value " + wanted() if found and x == 1 else ["value", int(wanted()) if found else 0]
"""


class Program(NamedTuple):
    """A program of a catalogue.

    Args:
        code: Its source.
        statuses: What may become of it.
        flags: `sandbox`, `search`; see `hacks.txt`.
    """

    code: str
    statuses: list[str]
    flags: list[str]


def catalogue(name: str) -> dict[str, Program]:
    """The programs of a file, by their titles."""
    found = {}
    for entry in (HERE / name).read_text(encoding="utf-8").split("\n=== ")[1:]:
        title, _, code = entry.partition("\n")
        name, statuses, flags, *_ = [*(part.strip() for part in title.split("|")), "", ""]
        if "search" in flags:
            code = SEARCH.replace("SEARCHING", code.strip().replace("\n", "\n    "))
        found[name] = Program(code, statuses.split(), flags.split())
    return found


HACKS, HONEST = catalogue("hacks.txt"), catalogue("honest.txt")
# One hack of each class of those that concern what runs the tests, for each back end.
SOME = [
    "1 exit",
    "2 _exit in a call",
    "3 atexit",
    "6 abort",
    "7 equal to everything",
    "8 lying int",
    "11 frames",
    "16 builtins",
    "20 a marker",
    "21 the descriptors",
    "36 memory at once",
    "40 deep answer",
    "63 floods the judge",
]
SOME_HONEST = ["prints a lot", "threads", "own classes", "files"]


@pytest.fixture(scope="module")
def hacks() -> list[str]:
    """The names of the hacks that can be run here: those that attack the machine need namespaces around them."""
    with make_sandbox("forkserver") as sandbox:
        contained = {"pid_namespace", "mount_namespace"} <= set(sandbox.isolation().layers)
    return [name for name, hack in HACKS.items() if contained or "sandbox" not in hack.flags]


def verifier_for(sandbox: str, **config: Any) -> Verifier:
    level = "none" if sandbox == "subprocess" else "confined"
    config["sandbox_config"] = {"concurrency": AT_ONCE, **config.get("sandbox_config", {})}
    return make_verifier("code@1", **{"limits": LIMITS, "sandbox": sandbox, "min_isolation": level, **config})


def judged(code: str, reference: Any, sandbox: str = "forkserver", **config: Any) -> Verdict:
    return verifier_for(sandbox, **config).verify(f"```python\n{code}\n```", reference)


def judged_together(programs: Iterable[Program], reference: Any, verifier: Verifier, tail: str = "") -> list[Verdict]:
    return verifier.verify_batch([(f"```python\n{program.code}{tail}\n```", reference) for program in programs])


def successes(names: list[str], verdicts: list[Verdict]) -> dict[str, str]:
    """The hacks that passed, scored, became ungradable or let the secret out."""
    return {
        name: f"{verdict.status.value} {verdict.score} {verdict.reason}"
        for name, verdict in zip(names, verdicts, strict=True)
        if verdict.passed or verdict.score or not verdict.gradable or SECRET in f"{verdict.parts} {verdict.reason}"
    }


def test_no_hack_succeeds_where_tests_are_programs(hacks: list[str]) -> None:
    verdicts = judged_together((HACKS[name] for name in hacks), REFERENCE, verifier_for("forkserver"))
    assert successes(hacks, verdicts) == {}
    found = {name: verdict.status.value for name, verdict in zip(hacks, verdicts, strict=True)}
    assert {name: status for name, status in found.items() if status not in HACKS[name].statuses} == {}


@pytest.mark.parametrize(("reference", "tail"), [(CALLS, ""), (STDIO, "\nprint(f(1))")], ids=["calls", "stdio"])
def test_no_hack_succeeds_where_answers_are_compared(hacks: list[str], reference: Any, tail: str) -> None:
    verdicts = judged_together((HACKS[name] for name in hacks), reference, verifier_for("forkserver"), tail)
    assert successes(hacks, verdicts) == {}


def test_no_hack_succeeds_in_any_sandbox(everywhere: dict[str, Any], hacks: list[str]) -> None:
    """Those that attack the machine, wherever it is kept from them, and some of the others.

    All of the others are tried on the fork-server above, and here on the back end that starts an interpreter for each.
    """
    attacks_machine = everywhere["sandbox"] != "subprocess"  # where nothing would keep them in
    hacks = [name for name in hacks if ("sandbox" in HACKS[name].flags) is attacks_machine]
    if everywhere["sandbox"] != "forkserver":  # there it is the first test
        verdicts = judged_together((HACKS[name] for name in hacks), REFERENCE, verifier_for(**everywhere))
        assert successes(hacks, verdicts) == {}
    verdicts = judged_together((HACKS[name] for name in SOME), CALLS, verifier_for(**everywhere))
    assert successes(SOME, verdicts) == {}


def test_a_search_that_could_find_the_secret_would_be_noticed() -> None:
    code = SEARCH.replace("SEARCHING", "look('here: 86753' + '09')")
    assert judged(code, CALLS).passed


# --- Hacks that need a reference of their own -----------------------------------------------------------------------


def asserts(*tests: str, **rest: Any) -> dict[str, Any]:
    return {"kind": "asserts", "asserts": list(tests), "names": ["f"], **rest}


def test_24_what_survives_one_run_is_not_seen_by_the_next() -> None:
    left = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(30)\n    os._exit(0)\n"
        "open('left', 'w').write('x')\ndef f(x): return 1"
    )
    assert judged(left, asserts("assert f(1) == 1")).passed
    seen = (
        "import os\ndef f(x):\n    try: pids = [p for p in os.listdir('/proc') if p.isdigit()]\n"
        "    except OSError: pids = []\n    return pids, os.listdir('.')"
    )
    verdict = judged(seen, asserts("pids, files = f(1)\nassert len(pids) <= 2 and 'left' not in files"))
    assert verdict.passed


def test_25_46_nothing_is_kept_between_candidates() -> None:
    write = (
        "import os, site, sys\n"
        "for folder in {'.', '/tmp', site.getusersitepackages(), os.path.expanduser('~'), *sys.path}:\n"
        "    for name in ('sitecustomize.py', 'usercustomize.py', 'answers', 'x.pth'):\n"
        "        try:\n            os.makedirs(folder, exist_ok=True)\n"
        "            open(os.path.join(folder, name), 'w').write('x = 1')\n        except OSError: pass\n"
        "def f(x): return 1"
    )
    assert judged(write, asserts("assert f(1) == 1")).passed
    read = (
        "import os, sys\nfolders = '.', '/tmp', os.path.expanduser('~'), *sys.path\n"
        "names = 'sitecustomize.py', 'usercustomize.py', 'answers', 'x.pth'\n"
        "def f(x): return [p for d in folders for n in names if os.path.exists(p := os.path.join(d, n))]"
    )
    assert judged(read, asserts("assert f(1) == []")).passed


@pytest.mark.parametrize("kind", ["stdio", "calls", "asserts", "check", "pytest"])
def test_28_no_obligations_are_no_pass(kind: str) -> None:
    empty: dict[str, Any] = {
        "stdio": {"tests": []},
        "calls": {"tests": [], "entry_point": "f"},
        "asserts": {"asserts": [], "names": ["f"]},
        "check": {"test": "def check(c):\n    pass", "entry_point": "f"},
        "pytest": {"files": {}, "names": ["f"]},
    }
    verdict = judged("def f(x): return 1", {"kind": kind, **empty[kind]})
    assert not verdict.passed or kind == "check"  # a check without an assertion is one test: that it runs to its end
    if kind != "check":
        assert verdict.status.value == "reference_error"


def test_47_arguments_of_the_tests_are_not_the_candidates_to_change() -> None:
    code = "def f(x):\n    x.clear()\n    return []"
    assert not judged(code, asserts("x = [2, 1]\nassert f(x) == sorted(x)")).passed
    calls = {"kind": "calls", "entry_point": "f", "tests": [{"args": [[2, 1]], "expected": [1, 2]}]}
    assert not judged(code, calls).passed


@pytest.mark.parametrize(
    ("expression", "expected", "compare"),
    [
        ("float('nan')", 1.5, {"float": {"rel": 1}}),
        ("float('inf')", 1.5, {"float": {"abs": 1e308, "rel": 1e300}}),
        ("7.0000001", 7, {"float": {"abs": 1}}),
        ("8", 7, {"float": {"abs": 5}}),
        ("True", 1, {}),
        ("1.0", 1, {}),
        ("(1, 2)", [1, 2], {}),
        ("'1'", 1, {}),
        ("['a', 'b', 'a']", ["a", "b"], {"unordered": True}),
    ],
    ids=["48 nan", "48 inf", "49 tolerance", "49 integers", "50 bool", "50 float", "50 tuple", "50 text", "51 extra"],
)
def test_48_to_51_lax_comparison(expression: str, expected: Any, compare: Any) -> None:
    reference = {"kind": "calls", "entry_point": "f", "tests": [{"args": [], "expected": expected}], "compare": compare}
    verdict = judged(f"def f(): return {expression}", reference)
    assert verdict.status.value == "failed"


@pytest.mark.parametrize(
    "text", ["1\\r", "1\\0", "\\x1b[0m1", "1\\u200b", "\\u202e1", "1 2", "1\\n2", " 1", "01", "+1", "1.0"]
)
def test_51_52_output_is_compared_as_bytes(text: str) -> None:
    reference = {"kind": "stdio", "tests": [{"stdin": "", "stdout": "1"}]}
    assert judged(f"print('{text}')", reference).status.value == "failed"


def test_55_56_only_the_last_block_after_the_reasoning_counts() -> None:
    verifier = make_verifier("code@1")
    right, wrong = "```python\ndef f(x): return 1\n```", "```python\ndef f(x): return 2\n```"
    reference = asserts("assert f(0) == 1")
    responses = [
        right + wrong.join("\n\n"),
        f"<think>{right}</think>",
        f"<think>{right}",
        f"{right}\n```python\n",
        f"~~~\n{right}",
    ]
    statuses = [verifier.verify(response, reference).status.value for response in responses]
    assert statuses == ["failed", "no_answer", "no_answer", "malformed", "malformed"]


@pytest.mark.parametrize(
    "include", ["/etc/hostname", "../expected", "/proc/self/environ", "/proc/1/cmdline", "/dev/stdin", "/dev/zero"]
)
def test_57_a_compiler_reads_nothing_worth_reading(include: str) -> None:
    code = f'```c\n#include "{include}"\nint main(void) {{ return 0; }}\n```'
    if include == "/dev/zero":
        code = '```c\n__asm__(".incbin \\"/dev/zero\\"");\nint main(void) { return 0; }\n```'
    reference = {"kind": "stdio", "tests": [{"stdin": "", "stdout": SECRET}], "language": "c"}
    verdict = make_verifier("code@1").verify(code, reference)
    assert (verdict.passed, verdict.gradable) == (False, True)


@pytest.mark.parametrize(
    "text", ["__import__('os')._exit(0)", "%s" * 50, "{0.__class__}", "(a+)+$" * 20, "\\0report\\n", "1e999"]
)
def test_59_a_checker_gets_text_and_nothing_else(text: str) -> None:
    source = "def check(stdin, stdout, expected):\n    return float(stdout) == float(expected)"
    reference = {"kind": "stdio", "tests": [{"stdin": "", "stdout": "7"}], "checker": {"custom": source}}
    verdict = judged(f"print({text!r})", reference)
    assert (verdict.status.value, verdict.score) == ("failed", 0.0)


def test_64_order_dependence_ends_with_a_process_for_each_test() -> None:
    code = "seen = []\ndef f(x):\n    seen.append(x)\n    return 1 if len(seen) > 1 else 0"
    reference = asserts("assert f(0) == 0", "assert f(0) == 1")
    assert judged(code, reference).passed
    assert not judged(code, reference, fresh_state=True).passed


# --- Honest programs that do odd things -----------------------------------------------------------------------------


def test_honest_programs_pass() -> None:
    tests = [{"args": [1], "expected": 2}, {"args": [41], "expected": 42}]
    calls = {"kind": "calls", "entry_point": "f", "tests": tests}
    for reference in (asserts("assert f(1) == 2", "assert f(41) == 42"), calls):
        verdicts = judged_together(HONEST.values(), reference, verifier_for("forkserver", limits=AMPLE))
        assert {name: v.reason for name, v in zip(HONEST, verdicts, strict=True) if not v.passed} == {}


def test_honest_programs_pass_in_every_sandbox(everywhere: dict[str, Any]) -> None:
    verifier = verifier_for(**everywhere, limits=AMPLE)
    verdicts = judged_together((HONEST[name] for name in SOME_HONEST), asserts("assert f(1) == 2"), verifier)
    assert {name: v.reason for name, v in zip(SOME_HONEST, verdicts, strict=True) if not v.passed} == {}


def test_many_small_writes_and_a_large_output_pass() -> None:
    code = (
        "import sys\nfor _ in range(20_000):\n    sys.stdout.write('ab')\n    sys.stdout.flush()\nprint('x' * 900_000)"
    )
    reference = {"kind": "stdio", "tests": [{"stdin": "", "stdout": "ab" * 20_000 + "x" * 900_000}]}
    assert judged(code, reference, limits=AMPLE).passed
