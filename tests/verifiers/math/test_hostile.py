"""`math@1` under attack: whatever stands in an answer, a gold or a prompt, and whatever happens to the process around
it, there is a verdict, it is the same one every time, and nothing passes that is not equal."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import pytest
from rlvr_gym.verifiers import Verdict, make_verifier
from rlvr_gym.verifiers.math import symbolic

# Several tests share the verdicts on the same answers: with pytest-xdist, one worker judges them.
pytestmark = pytest.mark.xdist_group("math_hostile")

VERIFIER = make_verifier("math@1")
LENIENT = make_verifier("math@1", mode="lenient")
WHOLE = make_verifier("math@1", markers=["whole"])


def around(left: str, right: str, n: int, core: str = "1") -> str:
    return left * n + core + right * n


NESTED = {
    "brackets": ("(", ")"), "square brackets": ("[", "]"), "braces": ("{", "}"), "set braces": (r"\{", r"\}"),
    "bars": ("|", "|"), "fractions": (r"\frac{", "}{2}"), "denominators": (r"x+\frac{1}{", "}"),
    "roots": (r"\sqrt{", "}"), "roots of sums": (r"\sqrt{2+", "}"), "indices of roots": (r"\sqrt[", "]{2}"),
    "exponents": ("2^{", "}"), "subscripts": ("x_{", "}"), "boxes": (r"\boxed{", "}"), "text": (r"\text{", "}"),
    "matrices": (r"\begin{pmatrix}", r"\end{pmatrix}"), "sines": (r"\sin(", ")"), "unknown functions": ("f(", ")"),
    "squares": ("(x+", ")^2"), "residues": (r"1\pmod{", "}"), "open brackets": ("(", ""), "open braces": ("{", ""),
}  # fmt: skip
CHAINED = {
    "factorials": "!", "primes": "'", "percents": "%", "powers": "^2", "divisions": "/2", "ratios": ":2",
    "equations": "=1", "inequalities": "<x", "plus or minus": r"\pm3", "unions": r"\cup[3,4]", "commas": ",",
    "differences": r"\setminus B", "units": " m/m", "compound quantities": " hour 2", "degrees": r"^\circ",
    "applications": "(x)", "subscripts": "_1", "mixed numbers": " 1/2", "superscripts": "²",
}  # fmt: skip
LARGE = {
    "tower": "9^{9^{9^{9}}}", "tower of e": "e^{e^{e^{10}}}", "plain tower": "9^9^9^9^9",
    "tower of i": "i^{i^{i^{i^i}}}", "factorial of a million": "(10^6)!", "nested factorials": "((((9!)!)!)!)",
    "product of factorials": r"\cdot".join(["3000!"] * 6), "sum of factorials": "+".join(["2999!"] * 400),
    "binomial": r"\binom{10^9}{5\cdot10^8}", "sum of binomials": "+".join([r"\binom{3000}{1500}"] * 300),
    "power of ten": "10^{10^9}", "exponent of 599 digits": "x^{" + "9" * 599 + "}", "599 zeros": "1e599",
    "exponent of a numeral": "1e99999999999", "digits": "7" * 7999, "600 digits": "7" * 600,
    "root of 600 digits": r"\sqrt{" + "7" * 600 + "}", "decimal of 400 digits": "1" + "0" * 400 + ".25",
    "base of 5,000 digits": "5_{" + "1" * 5000 + "}",
    "unit to a power of 5,000 digits": r"5\text{ cm^" + "9" * 5000 + "}", "sine of 5,001 digits": r"\sin(10^{5000})",
    "exponent in a function": r"\sin(x^{10^{5000}})", "root of 5,001 digits": r"\sqrt{10^{5000}+x}",
    "angle": r"\cos(10^{599})", "sum to 10^8": r"\sum_{k=1}^{10^8} k", "sums in sums": r"\sum_{k=1}^{300}" * 30 + "k",
    "sums of products": r"\sum_{a=1}^{300}\sum_{b=1}^{300}" + r"\cdot".join(["2"] * 1200),
    "products of powers": r"\prod_{a=1}^{300}3^{12000}",
    "sum of a long sum": r"\sum_{a=1}^{300}(" + "+".join(["a"] * 1400) + ")", "long sum": "+".join(["x"] * 1400),
    "sum of fractions": "+".join(f"1/{k}" for k in range(2, 900)),
    "sum of roots": "+".join(rf"\sqrt{{{k}}}" for k in range(2, 700)),
    "sum of roots of sums": r"\sqrt{2}" + "".join(rf"+\sqrt{{2+\sqrt{{{k}}}}}" for k in range(3, 200)),
    "sum of logarithms": "+".join(rf"\ln({10**150 + k})" for k in range(2, 40)),
    "sum of sines": "+".join(rf"\sin({k}x)" for k in range(400)),
    "sum of partial fractions": "+".join(rf"\frac{{1}}{{x+{k}}}" for k in range(1, 300)),
    "500 factors": "".join(f"(x+{k})" for k in range(1, 500)), "factors with large coefficients": "(3^{12000}+x)" * 300,
    "factors with small fractions": "".join(rf"(x+\frac{{1}}{{{10**60 + k}}})" for k in range(80)),
    "factors with roots": "".join(rf"(1+\sqrt{{{k}}})" for k in range(2, 300)), "power of a sum": "(x+y+z+w)^{60}",
    "power of a sum of roots": r"(1+\sqrt2+\sqrt3+\sqrt5+\sqrt7)^{64}", "enormous power of a sum": "(x+1)^{10^9}",
    "1,000 elements": ",".join(map(str, range(1000))),
    "100 slow elements": ",".join(rf"\sin^2(x+{k})+\cos^2(x+{k})" for k in range(100)),
    "infinite minus infinite": r"\lfloor10^{308}\sin1+10^{308}\sin1-(10^{308}\sin1+10^{308}\sin1)+x\rfloor",
    "gamma at a pole": r"\frac{(x-19)!}{x-19}", "maximum of one": r"\max\{5\}", "minimum of one": r"\min 5",
    "binomial of one": r"\binom(5)", "base in a circle": "5_{①}", "binomial in a circle": "C_{①}^2",
    "digits of another script": "٣_5",
    "determinant": r"\begin{vmatrix}" + r"\\".join("&".join("x" * 30) for _ in range(30)) + r"\end{vmatrix}",
    "row": r"\begin{pmatrix}" + "1&" * 1400 + r"1\end{pmatrix}",
    "column": r"\begin{pmatrix}" + r"1\\" * 1400 + r"1\end{pmatrix}", "many boxes": r"\boxed{1}" * 800,
    "everything open": r"([\{\frac{\sqrt{\left(|\begin{pmatrix}", "NUL": "5\x00", "lone surrogate": "5\ud800",
}  # fmt: skip
REPEATED = {
    *("a ", "a-", "answer is ", "final answer is ", "word ", " and ", " or ", ",", ";", ".", "$", "$$ ", "$x$ ", "`"),
    *("**", "~", " ", "\n", "\t", "{", "\\", r"\(", r"\[", r"\(a ", r"\text ", r"\text{", r"\boxed", r"\boxed{", "_"),
    *(r"\frac", r"\frac1", r"\sqrt", r"\left", r"\cos", r"\begin{", r"\int ", r"\lim_{x\to0}", "√", "√1", "½", "∑"),
    *("-", "+", "1,111", "123,", "1.", "1 ", "1,234(", "answer = ", "result: ", "solution  ", "answer is\n", "&", "''"),
}


def fitting(text: str) -> str:
    """As often as an answer may be long."""
    return text * (7990 // len(text))


HOSTILE = {
    **{f"{n} {name}": around(*pair, n, "x") for name, pair in NESTED.items() for n in (30, 300, 2000)},
    **{f"{n} {name}": "x" + link * n for name, link in CHAINED.items() for n in (30, 300, 2000)},
    **LARGE,
    **{f"repeated {text!r}": fitting(text) for text in sorted(REPEATED)},
    "spaces after a sign": "+" + " " * 7900 + "5",
    "spaces before a letter": "5" + " " * 7900 + "x",
}
GOLDS = ("7/3", r"\sin x+\ln y", r"\{\sqrt2,8\}", r"37\%")


def box(answer: str) -> str:
    return rf"\boxed{{{answer}}}"


@cache
def judged(answer: str, gold: str) -> Verdict:
    return VERIFIER.verify(box(answer), gold)


def wrong_of(verdict: Verdict, *, gradable: bool = True) -> bool:
    """Whether it is what a wrong answer gets."""
    return verdict.gradable is gradable and not verdict.passed


# --- Answers and golds ----------------------------------------------------------------------------------------------


def test_hostile_answers_are_gradable_and_wrong() -> None:
    found = [name for name, text in HOSTILE.items() if not all(wrong_of(judged(text, gold)) for gold in GOLDS)]
    assert found == []


def test_a_hostile_gold_is_refused_or_kept() -> None:
    answers = ("7/3", r"\sin x+17", r"\text{nothing of this kind}")
    found = []
    for name, text in HOSTILE.items():
        usable = VERIFIER.check_reference(text).ok
        if not all(wrong_of(judged(answer, text), gradable=usable) for answer in answers):
            found.append(name)
    assert found == []


def test_a_hostile_gold_passes_itself_and_not_its_successor() -> None:
    found = []
    for name, text in HOSTILE.items():
        if not VERIFIER.check_reference(text).ok or text.count("{") != text.count("}") or r"\boxed" in text:
            continue
        successor = WHOLE.verify(f"{text}+1-1+1", f"{text}")
        if not WHOLE.verify(text, text).passed or not wrong_of(successor):
            found.append(name)
    assert found == []


@pytest.mark.parametrize("n", [100_000, 1_000_000])
def test_digits_beyond_every_limit(n: int) -> None:
    digits = "7" * (n - len(box("")))
    assert VERIFIER.verify(box(digits), "7").status.value == "limit_exceeded"
    assert VERIFIER.verify(box(digits), digits).status.value == "reference_error"
    assert VERIFIER.verify(digits, "7").status.value == "no_answer"


def test_every_printable_character_and_a_part_of_the_scripts_is_judged() -> None:
    # Letters of scripts without case, private and unassigned code points behave alike: every 29th of them.
    common = [chr(i) for i in range(0x110000) if i % 29 == 0 or unicodedata.category(chr(i)) not in _ALIKE]
    assert len(common) > 50_000
    for char in common:
        verdict = VERIFIER.verify(box(char), "7/3")
        assert verdict.gradable, ascii(char)
        assert not verdict.passed, ascii(char)


_ALIKE = {"Lo", "Co", "Cs", "Cn"}


@pytest.mark.parametrize("frame", ["{}", "5{}", "5_{{{}}}", "C_{{{}}}^2", "x^{{{}}}", "{}5"])
def test_every_digit_of_every_script_is_judged(frame: str) -> None:
    digits = [chr(i) for i in range(0x110000) if chr(i).isnumeric() or chr(i).isdigit()]
    for char in digits:
        text = frame.format(char)
        assert VERIFIER.verify(box(text), "7777/3").gradable, ascii(text)
        assert VERIFIER.verify(box("7777/3"), text).passed is False, ascii(text)


def test_every_pair_of_ascii_characters_is_judged() -> None:
    for a in map(chr, range(128)):
        for b in map(chr, range(128)):
            verdict = VERIFIER.verify(box(a + b), "7/3")
            assert verdict.gradable, (a, b)
            assert not verdict.passed, (a, b)


# --- Around the answer ----------------------------------------------------------------------------------------------


def test_repetition_around_the_box_is_judged() -> None:
    found = []
    for text in sorted(REPEATED):
        flood = text * (200_000 // len(text))
        responses = (flood, flood + box("7"), box("7") + flood, flood.join((box("7"), box("8"))))
        for verifier in (VERIFIER, LENIENT, WHOLE):
            if not all(wrong_of(verifier.verify(response, "7777/3")) for response in responses):
                found.append((text, verifier.config()))
    assert found == []


def test_repetition_in_the_prompt_is_judged() -> None:
    pairs = ((r"2+\sin 1", r"\sin 1+2"), (r"50\%", "1/2"), ("y=5", "5"))
    found = []
    for text in sorted(REPEATED):
        context = {"prompt": text * (200_000 // len(text))}
        judged = [VERIFIER.verify(box(answer), gold, context=context).gradable for answer, gold in pairs]
        if not all(judged) or VERIFIER.verify(box("8"), "7", context=context).passed:
            found.append(text)
    assert found == []


def test_many_boxes_that_must_agree_are_judged() -> None:
    slow = [rf"\sin^2(x+{k})+\cos^2(x+{k})+\sqrt{{5+2\sqrt6}}" for k in range(100)]
    for joiner in (", ", " or "):
        verdict = VERIFIER.verify(joiner.join(map(box, slow)), "7")
        assert verdict.gradable
        assert not verdict.passed


@pytest.mark.parametrize("kind", ["list", "set", "tuple", "union"])
def test_lists_of_elements_that_need_the_slow_rung_are_judged(kind: str) -> None:
    gold = [rf"\sin x+\sqrt{{5+2\sqrt6}}+10^{{-{400 + k}}}" for k in range(60)]
    answer = [rf"\sin x+\sqrt2+\sqrt3+10^{{-{461 - k}}}" for k in range(60)]
    left, joiner, right = {"list": ("", ",", ""), "set": (r"\{", ",", r"\}"), "tuple": ("(", ",", ")")}.get(
        kind, ("[0,", r"]\cup[0,", "]")
    )
    verdict = VERIFIER.verify(box(left + joiner.join(answer) + right), left + joiner.join(gold) + right)
    assert verdict.gradable
    assert not verdict.passed


# --- What is no text ------------------------------------------------------------------------------------------------


class Liar(str):
    """A text that says something else about itself."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1

    def __len__(self) -> int:
        return 1

    def strip(self, chars: str | None = None, /) -> str:
        return "7"


def test_a_text_that_lies_about_itself_is_what_it_holds() -> None:
    assert VERIFIER.verify(Liar(box("7")), "7").passed
    assert not VERIFIER.verify(Liar(box("8")), "7").passed
    assert not VERIFIER.verify(box("7"), Liar("8")).passed
    assert not VERIFIER.verify(Liar(box("7")), Liar("8")).passed
    assert not VERIFIER.verify(box("7"), "8", context={"prompt": Liar("7")}).passed


@pytest.mark.parametrize("gold", [None, True, 1.5, 1j, b"7", [], ["7"], (), {}, {"answer": "7"}, object(), int, ""])
def test_a_gold_of_the_wrong_type_is_refused(gold: Any) -> None:
    verdict = VERIFIER.verify(box("7"), gold)
    assert (verdict.status.value, verdict.gradable) == ("reference_error", False)


@pytest.mark.parametrize("part", [None, 7, b"7", [], object(), "\ud800", "\x00"], ids=lambda part: type(part).__name__)
def test_a_prompt_of_the_wrong_type_says_nothing(part: Any) -> None:
    assert VERIFIER.verify(box("7"), "7", context={"prompt": part}).passed
    assert not VERIFIER.verify(box("8"), "7", context={"prompt": part, "other": part}).passed


@pytest.mark.parametrize("context", [7, "prompt", ["prompt"], {7}, object()], ids=lambda value: type(value).__name__)
def test_a_context_of_the_wrong_type_says_nothing(context: Any) -> None:
    assert VERIFIER.verify(box("7"), "7", context=context).passed
    assert not VERIFIER.verify(box("8"), "7", context=context).passed


# --- Around the call ------------------------------------------------------------------------------------------------

SAMPLE = [(text, gold) for i, text in enumerate(HOSTILE.values()) for gold in (GOLDS[i % 4],) if len(text) < 2500]


def as_json(verdicts: list[Verdict]) -> list[Any]:
    return [json.loads(json.dumps(verdict.to_dict())) for verdict in verdicts]


def test_eight_threads_agree_with_one() -> None:
    expected = [judged(*pair) for pair in SAMPLE]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda pair: VERIFIER.verify(box(pair[0]), pair[1]), SAMPLE)) == expected


def test_an_event_loop_agrees() -> None:
    async def gather() -> list[Verdict]:
        return await asyncio.gather(*(VERIFIER.averify(box(answer), gold) for answer, gold in SAMPLE))

    assert asyncio.run(gather()) == [judged(*pair) for pair in SAMPLE]


def test_a_process_of_its_own_agrees() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.starmap(VERIFIER.verify, [(box(answer), gold) for answer, gold in SAMPLE])
    assert found == [judged(*pair) for pair in SAMPLE]


@pytest.mark.parametrize(("seed", "digits"), [("1", "0"), ("77", "640")])
def test_another_hash_seed_and_another_limit_on_digits_agree(seed: str, digits: str) -> None:
    code = (
        "import json, sys\n"
        "from rlvr_gym.verifiers import make_verifier\n"
        "verifier = make_verifier('math@1')\n"
        "pairs = json.load(sys.stdin)\n"
        "print(json.dumps([verifier.verify(f'\\\\boxed{{{a}}}', gold).to_dict() for a, gold in pairs]))\n"
    )
    done = run(code, "-X", f"int_max_str_digits={digits}", stdin=json.dumps(SAMPLE), PYTHONHASHSEED=seed)
    assert json.loads(done) == as_json([judged(*pair) for pair in SAMPLE])


def below(frames: int, call: Callable[[], Verdict]) -> Verdict:
    """The call, with that many frames of Python on top of it."""
    return call() if frames == 0 else below(frames - 1, call)


@pytest.mark.parametrize("room", [80, 120, 160, 200, 300, 500])
def test_a_deep_caller_gets_the_verdict_or_none_and_leaves_no_trace(room: int) -> None:
    gold, answer = (around("(", ")", 20, core) for core in (f"x+{room}+1", f"1+x+{room}"))
    depth = sys.getrecursionlimit() - room - used_frames()
    deep = below(depth, lambda: VERIFIER.verify(box(answer), gold))
    assert deep.passed or not deep.gradable
    assert VERIFIER.verify(box(answer), gold).passed


# reference, answer: each is decided by another rung, or by none; `N` makes the pair a new one
RUNGS = {
    "another spelling": ("x+N", "N+x"),
    "normal form": (r"(x+1)^{3}+\frac{N}{x}", r"x^3+3x^2+3x+1+\frac{N}{x}"),
    "normal form, different": (r"(x+1)^{3}+\frac{N}{x}", r"x^3+3x^2+3x+2+\frac{N}{x}"),
    "residues": ("2^{100000}+N", "4^{50000}+N"),
    "residues, different": ("2^{100000}+N", "4^{50000}+N+1"),
    "floats": (r"\sin x+N", r"\cos x+N"),
    "intervals": (r"\sqrt{8+2\sqrt{15}}+N", r"\sqrt3+\sqrt5+N"),
    "intervals, different": (r"\sqrt{8+2\sqrt{15}}+N", r"\sqrt3+\sqrt5+N+10^{-30}"),
    "gamma": (r"\frac{(x-19)!}{(x-20)!}+N", "x-19+N"),
    "sympy": (r"\int_0^1 x^2dx+N", r"\frac13+N"),
    "sign": (r"[\sqrt2,N]\cup[3,\sqrt{15}+N]", r"[3,\sqrt{15}+N]\cup[\sqrt2,N]"),
    "undecided": (r"\lfloor\frac{n}{5}\rfloor+N", r"\lfloor\frac{n}{5}+\sin^2 n+\cos^2 n-1\rfloor+N"),
    "nested": (around("(", ")", 20, "x+N+1"), around("(", ")", 20, "1+x+N")),
    "nested, different": (around(r"\sqrt{1+", "}", 18, "x+N"), around(r"\sqrt{1+", "}", 18, "x+N+1")),
}


@pytest.mark.parametrize(("gold", "answer"), RUNGS.values(), ids=RUNGS)
def test_a_used_up_stack_is_never_an_answer_that_is_wrong(gold: str, answer: str) -> None:
    for room in range(40, 440, 8):
        mine, theirs = gold.replace("N", str(room)), answer.replace("N", str(room))
        depth = sys.getrecursionlimit() - room - used_frames()
        deep = below(depth, partial(VERIFIER.verify, box(theirs), mine))
        expected = VERIFIER.verify(box(theirs), mine)
        assert expected.gradable
        assert deep == expected or (deep.gradable, deep.reason.code) == (False, "stack_exhausted"), room


@pytest.mark.parametrize(
    ("name", "gold", "answer"),
    [
        ("rlvr_gym.verifiers.math.parser.Parser.expr", "x+901", "901+x"),
        ("rlvr_gym.verifiers.math.compare.compare_scalars", "x+902", "902+x"),
        ("rlvr_gym.verifiers.math.ladder.normal_form", "x+903", "903+x"),
        ("rlvr_gym.verifiers.math.modular.Residues.value", "2^{100000}+904", "904+4^{50000}"),
        ("rlvr_gym.verifiers.math.kernels.FloatBalls.add", r"\sin x+905", r"\cos x+905"),
        ("rlvr_gym.verifiers.math.intervals.Intervals.mul", r"\sqrt{8+2\sqrt{15}}+906", r"\sqrt3+\sqrt5+906"),
        ("rlvr_gym.verifiers.math.symbolic.heavy", r"\int_0^1 x^2dx+907", r"\frac13+907"),
    ],
)
def test_whichever_part_uses_up_the_stack_the_verdict_is_ungradable(
    name: str, gold: str, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deeper(*args: object) -> None:
        raise RecursionError

    assert VERIFIER.check_reference(gold).ok
    with monkeypatch.context() as patch:
        patch.setattr(name, deeper)
        verdict = VERIFIER.verify(box(answer), gold)
    assert (verdict.status.value, verdict.reason.code) == ("verifier_error", "stack_exhausted")
    assert VERIFIER.verify(box(answer), gold).gradable


DEEP = {
    **{name: around(*pair, n, "x") for name, pair in NESTED.items() for n in (19, 38)},
    "maxima": around(r"\max(", ",1)", 38, "x"),
    "factorials of differences": around("-(", "!)", 19, "x"),
    "factorials of negatives": around("-(", ")!", 19, "x"),
    "powers of factorials": around("(", ")^{x+1}!", 19, "x"),
    "factorial far below zero": r"(-\frac{1801}{2})!",
    "binomials of negatives": around(r"-\binom{", "}{2}", 19, "x"),
    "pairs": around("(", ",1)", 38, "x"),
    "sets": around(r"\{", r",1\}", 38, "x"),
    "set builders": around(r"\{x\mid ", r">0\}", 38, "x"),
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_no_answer_uses_up_the_stack(text: str) -> None:
    """The half of Python's stack is enough: what a candidate can cause is gradable."""
    depth = sys.getrecursionlimit() - 500 - used_frames()
    for gold in ("7/3", r"x+\sin(x)", r"\mathbb{Z}", "(1,2)"):
        assert below(depth, partial(VERIFIER.verify, box(text), gold)).gradable


def used_frames() -> int:
    frame, count = sys._getframe(), 0
    while frame is not None:
        frame, count = frame.f_back, count + 1  # type: ignore[assignment]
    return count


def test_memory_stays_bounded_over_two_thousand_hostile_calls() -> None:
    code = (
        "import json, sys\n"
        "from rlvr_gym.verifiers import make_verifier\n"
        "verifier = make_verifier('math@1')\n"
        "blocks = []\n"
        "for n in range(1000):\n"
        "    text = f'(x+y+{n})^{{6}}' + '+x' * (n % 40)\n"
        "    verifier.verify(f'\\\\boxed{{{text}}} and \\\\boxed{{{text}+0}}', '37')\n"
        "    verifier.verify(f'\\\\boxed{{{text}}}', 'x^2+1')\n"
        "    blocks.append(sys.getallocatedblocks())\n"
        "print(json.dumps([blocks[500], blocks[-1]]))\n"
    )
    half, end = json.loads(run(code))
    assert end < 1.1 * half


def run(code: str, *options: str, stdin: str = "", **env: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", code], input=stdin, capture_output=True, text=True, env={**os.environ, **env}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


# --- Around the worker ----------------------------------------------------------------------------------------------

LONG = r"\int_0^1\frac{\ln(1+x)\sin(x)^3}{1+x^2}dx"
LIFE = r"""
import json, os, resource, signal, sys
from rlvr_gym.verifiers import make_verifier
from rlvr_gym.verifiers.math import symbolic

class Interrupted(Exception): pass
def interrupt(*_): raise Interrupted
def passed(n, answer): return verifier.verify(f"\\boxed{{{answer}}}", rf"\int_0^1 x^{n}dx").passed

verifier = make_verifier("math@1")
resource.setrlimit(resource.RLIMIT_NOFILE, (2000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
found = {"many files": [passed(2, "1/3"), passed(2, "1/4")]}
child = os.fork()
if child == 0:
    os._exit([passed(3, "1/4"), passed(3, "1/5")] != [True, False])
found["fork"] = [os.waitpid(child, 0)[1], passed(4, "1/5"), passed(4, "1/6")]
symbolic.CALLS = 10**9
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.3)
try:
    verifier.verify("\\boxed{1/7}", LONG)
    found["interrupted"] = ["ended before"]
except Interrupted:
    found["interrupted"] = [passed(5, "1/6"), passed(5, "1/7"), passed(5, "1/8"), passed(6, "1/7")]
print(json.dumps(found), flush=True)
verifier.verify("\\boxed{1/8}", LONG)
"""


def processes() -> dict[int, int]:
    """Parent of every running process; zombies are left out but for our own."""
    lines = subprocess.run(["ps", "-axo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in lines.splitlines()]
    return {int(pid): int(parent) for pid, parent, stat in rows if stat[0] != "Z" or int(parent) == os.getpid()}


def descendants(root: int) -> set[int]:
    parents, found = processes(), {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {root}


@pytest.fixture(scope="module")
def life() -> tuple[dict[str, list[Any]], set[int]]:
    """What a process saw whose life was hard, and what was left of it after a SIGKILL in the middle of a request."""
    code = f"LONG = {LONG!r}\n{LIFE}"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        found = json.loads(parent.stdout.readline())
        time.sleep(0.3)
        started = descendants(parent.pid)
        parent.kill()
    deadline = time.monotonic() + 10
    while started & set(processes()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert started
    return found, started & set(processes())


def test_a_worker_runs_beside_more_than_a_thousand_open_files(life: tuple[dict[str, list[Any]], set[int]]) -> None:
    assert life[0]["many files"] == [True, False]


def test_a_fork_has_a_worker_of_its_own(life: tuple[dict[str, list[Any]], set[int]]) -> None:
    assert life[0]["fork"] == [0, True, False]


def test_a_reply_to_an_interrupted_request_answers_no_other(life: tuple[dict[str, list[Any]], set[int]]) -> None:
    assert life[0]["interrupted"] == [True, False, False, True]


def test_no_worker_survives_a_killed_parent(life: tuple[dict[str, list[Any]], set[int]]) -> None:
    assert life[1] == set()


def power(n: int, answer: str) -> Verdict:
    return VERIFIER.verify(box(answer), rf"\int_0^1 x^{{{n}}}dx")


def test_a_worker_killed_in_the_middle_changes_no_verdict() -> None:
    assert power(20, "1/21").passed
    worker = symbolic._WORKER.process
    assert worker is not None
    os.kill(worker.pid, signal.SIGSTOP)
    killer = threading.Timer(0.3, os.kill, (worker.pid, signal.SIGKILL))
    killer.start()
    first = power(21, "1/22")
    killer.join()
    assert first.passed or not first.gradable
    assert [power(21, "1/22").passed, power(21, "1/23").passed] == [True, False]
    assert worker.pid not in descendants(os.getpid())  # neither running nor a zombie


def test_a_worker_that_was_sent_garbage_changes_no_verdict() -> None:
    assert power(22, "1/23").passed
    worker = symbolic._WORKER.process
    assert worker is not None
    assert worker.stdin is not None
    worker.stdin.write('\x00{"a": [\n[]\n7\nequal\n')
    worker.stdin.flush()
    first = power(23, "1/25")
    assert not first.passed
    assert [power(23, "1/24").passed, power(24, "1/26").passed] == [True, False]


def test_threads_share_one_worker_and_get_their_own_replies() -> None:
    questions = [(n, f"1/{n + 1 + n % 2}") for n in range(30, 46)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda question: power(*question).passed, questions))
    assert found == [n % 2 == 0 for n in range(30, 46)]


def test_a_request_beyond_its_budget_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(symbolic, "CALLS", 20_000)
        verdict = VERIFIER.verify(box("1/9"), LONG)
    assert (verdict.gradable, verdict.passed, verdict.reason.code) == (True, False, "undecided")
    assert power(25, "1/26").passed
