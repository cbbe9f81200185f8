"""A fuzzer of `math@1`, for as long as it is let run.

    python benchmarks/fuzz/math.py [--seconds 60] [--seed 0] [--limit 1.0]

Inputs: expressions of a random grammar in LaTeX, plain text and Unicode; soups of tokens; mutations of the golds under
`$RLVR_GYM_DATA` (by default `../shared/data` from the root of the repository), by token and by byte. Checks: no
exception; no call above the limit; twice the same verdict; a gold that can be used passes itself; equality of
scalar expressions is symmetric; neither white space nor `\\left` and `\\right` between the tokens of an expression
change a verdict; a successor (`a+1` for `a`) never passes.

One line of JSON, then every failing input, shortened where that is quick; the exit code is 1 if there is one. A seed
gives the same inputs on every machine; how many of them fit into the time does not. Golds that only sympy can work out
are left to the tests: here `symbolic` is off, so that no call waits for anything and its processor time, which a busy
machine does not stretch, is its time. A call that does not end within a minute ends the run, its input printed.
"""

# ruff: noqa: E402
from __future__ import annotations

import os
import sys

# A script's folder leads sys.path, and this file has the name of a standard module: here it would shadow that module.
_FOLDER = os.path.dirname(os.path.realpath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != _FOLDER]
if __name__ == "math":  # imported for it by another script of the folder: the importer returns what sys.modules holds
    del sys.modules["math"]
    __import__("math")

import argparse
import json
import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from rlvr_gym.verifiers import Verdict, make_verifier

DATA = Path(os.environ.get("RLVR_GYM_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
GOLDS = (("math500/test.jsonl", "expected_answer"), ("math_pairs/pairs.jsonl", "gold"))
SHRINK_S = 5.0
HUNG_S = 60.0
KEPT = 20  # inputs of one kind of failure that are printed; all are counted
SCALARS = frozenset({"integer", "rational", "real", "complex", "expression"})
VERIFIER = make_verifier("math@1", symbolic=False)

LEAVES = {
    "latex": ["x", "y", "n", "a", "2", "3", "10", "0.5", "12", r"\pi", r"\theta", "e", "i", "1,234", r"\infty"],
    "plain": ["x", "y", "n", "a", "2", "3", "10", "0.5", "12", "pi", "theta", "e", "i", "7"],
    "unicode": ["x", "y", "n", "a", "2", "3", "½", "0.5", "１２", "π", "θ", "e", "i", "∞"],
}
OPERATORS = {
    "latex": ["+", "-", r"\cdot", r"\times", "", "/", r"\pm", r"\div"],
    "plain": ["+", "-", "*", "/", "**"],
    "unicode": ["+", "−", "·", "×", "÷", "±"],
}
FUNCTIONS = ["sin", "cos", "tan", "ln", "log", "arctan", "exp"]
WRAPPINGS = ["{a},{b}", "({a},{b})", "[{a},{b})", r"\{{{a},{b}\}}", "x={a}", "{a}<x\\le {b}", "{a}:{b}", r"{a}\%"]
WRAPPINGS += [r"{a}\text{{ cm}}", r"{a}^\circ", r"{a} \text{{ or }} {b}", r"{a}\cup{b}", r"x\equiv {a}\pmod{{7}}"]
WRAPPINGS += [r"\begin{{pmatrix}}{a}&{b}\end{{pmatrix}}", "{a}_5", r"\text{{{a}}}", r"\boxed{{{a}}}", "f(x)={a}"]
TOKENS = [*"0123579abcdefinxyzABCPR+-*/=<>()[]{}|,.;:!?%^_'\"&~$#@`\\ \t\n°²³⁻½√π∞×÷±≤≥≠∪∩∈∅⌊⌋①٣七\u200b\x00\ud800"]
TOKENS += r"""\frac \dfrac \sqrt \sqrt[3] \pi \left \right \text \mathrm \boxed \begin{pmatrix} \end{pmatrix} \\ \& \%
\pm \cdot \times \infty \cup \in \le \ge \ne \approx \equiv \pmod \bmod \sum_{k=1}^{3} \int_0^1 \lim_{x\to0} \binom \max
\gcd \sin \cos^{2} \log_2 \ln \arcsin \overline \vec \hat \circ ^\circ \{ \} \langle \lfloor \rfloor \ldots \, \! \; {,}
\$ \( \) \[ \] ** ... 1,234 10^{20} 1e5 0.(3) answer is or and cm meters dollars percent none DNE (A) x_1 C_5^2
5_{7} e^{i\pi}
""".split()


class Failure(NamedTuple):
    """What went wrong, where, and with what: the answer, then the gold."""

    kind: str
    detail: str
    answer: str
    gold: str


def box(answer: str) -> str:
    """A response with this answer."""
    return rf"\boxed{{{answer}}}"


def balanced(text: str) -> bool:
    """Whether a box can hold the text."""
    depth, escaped = 0, False
    for char in text:
        if escaped or char == "\\":
            escaped = not escaped
            continue
        depth += (char == "{") - (char == "}")
        if depth < 0:
            return False
    return depth == 0 and not escaped and r"\boxed" not in text and "think>" not in text


def spelled(tokens: list[str], joiner: str = "") -> str:
    """The tokens as text; a space only where a command would run into a letter, or the joiner everywhere."""
    out = ""
    for token in tokens:
        touching = out[-1:].isalpha() and out[-1:].isascii() and token[:1].isalpha()
        out += (joiner or (" " if touching else "")) + token
    return out


class Grammar:
    """Random inputs.

    Args:
        rng: Where the choices come from.
        golds: Real references, to mutate.
    """

    def __init__(self, rng: random.Random, golds: list[str]) -> None:
        self.rng, self.golds = rng, golds

    def expression(self, depth: int, style: str) -> list[str]:
        """The tokens of one scalar expression."""
        rng = self.rng
        if depth <= 0 or rng.random() < 0.15:
            return [rng.choice(LEAVES[style])]
        inner = self.expression(depth - 1, style)
        kind = rng.randrange(8)
        if kind < 4:
            other = self.expression(depth - 1, style)
            operator = rng.choice(OPERATORS[style])
            if not operator:  # two numerals side by side are no product
                return [*self.bracketed(inner), "(", *other, ")"]
            return [*self.bracketed(inner), operator, *self.bracketed(other)]
        if kind == 4:
            exponent = self.expression(depth - 2, style)
            group = ["{", *exponent, "}"] if style == "latex" else self.bracketed(exponent)
            return [*self.bracketed(inner), "^", *group]
        if kind == 5:
            name = rng.choice(FUNCTIONS)
            return [f"\\{name}" if style == "latex" else name, "(", *inner, ")"]
        if kind == 6:
            left, right = "{}" if style == "latex" else "()"
            return [{"latex": r"\sqrt", "plain": "sqrt", "unicode": "√"}[style], left, *inner, right]
        if style == "latex":
            return [r"\frac", "{", *inner, "}", "{", *self.expression(depth - 1, style), "}"]
        return ["-", *self.bracketed(inner)]

    def bracketed(self, tokens: list[str]) -> list[str]:
        """In brackets, unless it is one token."""
        return tokens if len(tokens) == 1 else ["(", *tokens, ")"]

    def soup(self) -> str:
        """Tokens in a row; now and then one of them very often."""
        tokens = self.rng.choices(TOKENS, k=self.rng.randrange(1, 25))
        if self.rng.random() < 0.02:
            tokens.insert(self.rng.randrange(len(tokens)), self.rng.choice(TOKENS) * self.rng.randrange(2, 2000))
        return "".join(tokens)

    def whole(self) -> str:
        """An answer of any type around random expressions."""
        style = self.rng.choice(list(LEAVES))
        a, b = (spelled(self.expression(self.rng.randrange(4), style)) for _ in range(2))
        return self.rng.choice(WRAPPINGS).format(a=a, b=b)

    def mutation(self) -> str:
        """A gold with pieces cut out, doubled, exchanged or put in."""
        text = self.rng.choice(self.golds)
        for _ in range(self.rng.randrange(1, 4)):
            i, j = sorted(self.rng.randrange(len(text) + 1) for _ in range(2))
            piece = text[i:j][:12]
            new = ["", piece * self.rng.randrange(2, 40), piece[::-1], *map(self.rng.choice, (TOKENS, self.golds))]
            text = (text[:i] + self.rng.choice(new) + text[i + len(piece) :])[:9000]
        return text

    def bytes(self) -> str:
        """A gold with bytes exchanged, read as UTF-8 with what is broken kept as lone surrogates."""
        raw = bytearray(self.rng.choice(self.golds).encode("utf-8", "surrogatepass"))
        for _ in range(self.rng.randrange(1, 6)):
            raw.insert(self.rng.randrange(len(raw) + 1), self.rng.randrange(256))
            raw[self.rng.randrange(len(raw))] ^= 1 << self.rng.randrange(8)
        return raw.decode("utf-8", self.rng.choice(["surrogateescape", "replace", "ignore"]))

    def any(self) -> str:
        """One of all these."""
        return self.rng.choice([self.soup, self.whole, self.mutation, self.bytes])()


class Fuzzer:
    """The checks, and what they found.

    Args:
        limit_s: Seconds of processor time that one call may take.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.current = ("", "")
        self.calls = 0
        self.slowest = 0.0
        self.failures: list[Failure] = []

    def verify(self, answer: str, gold: str, prompt: str = "") -> Verdict | None:
        """One call, checked for exceptions, time and determinism; None where there is no verdict."""
        self.calls += 2
        self.current = (answer, gold)
        started = time.process_time()
        try:
            verdict = VERIFIER.verify(box(answer), gold, context={"prompt": prompt})
            seconds = time.process_time() - started
            again = VERIFIER.verify(box(answer), gold, context={"prompt": prompt})
        except Exception as error:  # noqa: BLE001 - what it finds is the purpose of a fuzzer
            self.fail("exception", where(error), answer, gold)
            return None
        self.slowest = max(self.slowest, seconds)
        if seconds > self.limit_s:
            self.fail("slow", f"{seconds:.2f} s", answer, gold)
        if verdict != again:
            self.fail("not deterministic", f"{verdict.method} {again.method}", answer, gold)
        if verdict.status.value == "verifier_error":
            self.fail("verifier error", verdict.reason.code, answer, gold)
        return verdict

    def watch(self) -> None:
        """End the process where one call does not end; runs in a thread of its own."""
        last = -1
        while last != self.calls:
            last = self.calls
            time.sleep(HUNG_S)
        answer, gold = self.current
        sys.stdout.write(f"hung for {HUNG_S:.0f} s\n  answer {answer!r}\n  gold   {gold!r}\n")
        sys.stdout.flush()
        os._exit(1)

    def fail(self, kind: str, detail: str, answer: str, gold: str) -> None:
        """Keep a failure."""
        self.failures.append(Failure(kind, detail, answer, gold))

    def itself(self, text: str) -> None:
        """A gold that can be used passes itself."""
        verdict = self.verify(text, text)
        if verdict and verdict.gradable and not verdict.passed and balanced(text) and text.strip():
            self.fail("does not pass itself", verdict.reason.code, text, text)

    def symmetric(self, a: str, b: str) -> None:
        """Two scalar expressions are equal either way round, but for the guard against unevaluated answers."""
        there, back = self.verify(a, b), self.verify(b, a)
        if there is None or back is None or there.passed == back.passed or not (there.gradable and back.gradable):
            return
        if "unevaluated" not in (there.reason.code, back.reason.code):
            codes = f"{there.method}/{there.reason.code} {back.method}/{back.reason.code}"
            self.fail("not symmetric", codes, a, b)

    def same(self, kind: str, text: str, gold: str) -> None:
        """Another spelling of a gold passes."""
        verdict = self.verify(text, gold)
        if verdict and verdict.gradable and not verdict.passed:
            self.fail(kind, f"{verdict.method}/{verdict.reason.code}", text, gold)


def where(error: Exception) -> str:
    """Type, message and the last line of a traceback."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}: {str(error)[:80]}"


def scalar(text: str) -> bool:
    """Whether a text reads as a number or an expression."""
    try:
        return VERIFIER.parse_reference(text).type in SCALARS
    except ValueError:  # a reference that cannot be used; anything else the checks will meet again
        return False


def one_round(grammar: Grammar, fuzzer: Fuzzer) -> None:
    """One of each kind of input through each check that holds for it."""
    rng = grammar.rng
    first, second = grammar.any(), grammar.any()
    fuzzer.verify(first, second)
    fuzzer.itself(first)
    fuzzer.verify(first, rng.choice(grammar.golds), prompt=f"${second}$ {first}")
    style = rng.choice(list(LEAVES))
    tokens, other = (grammar.expression(rng.randrange(1, 5), style) for _ in range(2))
    tight = spelled(tokens)
    fuzzer.itself(tight)
    if not scalar(tight):
        return
    fuzzer.same("white space", spelled(tokens, rng.choice([" ", "  "])), tight)
    if "(" in tokens:
        sized = [{"(": r"\left(", ")": r"\right)"}.get(token, token) for token in tokens]
        fuzzer.same("left and right", spelled(sized), tight)
    for b in (spelled(other), f"({tight})+0", f"1({tight})", f"({tight})+1", f"-({tight})", f"({tight})^2"):
        if scalar(b):
            fuzzer.symmetric(tight, b)
    successor = fuzzer.verify(f"({tight})+1", tight)
    if successor and successor.passed and "\\infty" not in tight and "∞" not in tight:
        fuzzer.fail("successor passes", successor.method, f"({tight})+1", tight)


def shrunk(failure: Failure) -> Failure:
    """An exception with the shortest answer and gold that still raise it at the same place, within some seconds."""
    if failure.kind != "exception":
        return failure
    ends = time.monotonic() + SHRINK_S
    place = failure.detail.partition(": ")[0]
    answer = shorter(failure.answer, lambda text: raised(text, failure.gold) == place, ends)
    gold = shorter(failure.gold, lambda text: raised(answer, text) == place, ends)
    return failure._replace(answer=answer, gold=gold)


def raised(answer: str, gold: str) -> str:
    """Where a call raises, or nothing."""
    try:
        VERIFIER.verify(box(answer), gold)
    except Exception as error:  # noqa: BLE001 - as above
        return where(error).partition(": ")[0]
    return ""


def shorter(text: str, fails: Callable[[str], bool], ends: float) -> str:
    """Cut out halves, quarters and so on while it still fails."""
    step = max(1, len(text) // 2)
    while step:
        at = 0
        while at < len(text) and time.monotonic() < ends:
            rest = text[:at] + text[at + step :]
            if fails(rest):
                text = rest
            else:
                at += step
        step //= 2
    return text


def real_golds() -> Iterator[str]:
    """The references of the data, where there are some; a few of our own in any case."""
    yield from ("5", r"\frac{1}{2}", "x^2+1", "(1,2]", r"\{1,2\}", r"5\text{ cm}", r"x=3\pm\sqrt2", r"50\%", "yes")
    for name, field in GOLDS:
        path = DATA / name
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            yield from dict.fromkeys(str(json.loads(line)[field]) for line in lines)


def main() -> int:
    """Fuzz, print, and say by the exit code whether anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the inputs (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=1.0, help="seconds a call may take (default: %(default)s)")
    args = parser.parse_args()
    grammar = Grammar(random.Random(args.seed), [gold for gold in real_golds() if gold])
    fuzzer = Fuzzer(args.limit)
    threading.Thread(target=fuzzer.watch, daemon=True).start()
    rounds, ends = 0, time.monotonic() + args.seconds
    while time.monotonic() < ends:
        one_round(grammar, fuzzer)
        rounds += 1
    kinds = Counter(f"{failure.kind}: {failure.detail}"[:100] for failure in fuzzer.failures)
    summary = {"seed": args.seed, "seconds": args.seconds, "rounds": rounds, "calls": fuzzer.calls}
    summary |= {"slowest_s": round(fuzzer.slowest, 3), "golds": len(grammar.golds), "failures": dict(kinds)}
    sys.stdout.write(json.dumps(summary) + "\n")
    seen: Counter[str] = Counter()
    for failure in fuzzer.failures:
        key = f"{failure.kind}: {failure.detail}"[:100]
        seen[key] += 1
        if seen[key] <= KEPT:
            kind, detail, answer, gold = shrunk(failure) if seen[key] == 1 else failure
            sys.stdout.write(f"{kind}: {detail}\n  answer {answer!r}\n  gold   {gold!r}\n")
    return 1 if fuzzer.failures else 0


if __name__ == "__main__":
    sys.exit(main())
