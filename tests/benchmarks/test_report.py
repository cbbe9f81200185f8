"""The report page: what it shows, and that nothing a model wrote can act in it."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rlvr_gym.agents import ScriptedPolicy
from rlvr_gym.benchmarks import BenchConfig, RunFolder, RunFolderError, Sample, bench
from rlvr_gym.benchmarks.compare import Comparison, compare_counts
from rlvr_gym.benchmarks.curve import count_tasks, summarise
from rlvr_gym.benchmarks.report import Run, load_run, write_report
from rlvr_gym.benchmarks.report_page import json_for_script, printable, tag
from rlvr_gym.benchmarks.report_samples import choose, clip
from rlvr_gym.verifiers import ConfigError

ATTACKS = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "\"' onload='document.title=1' <!-- <svg/onload=alert(1)> ]]> &lt;b&gt;",
    "nul \x00 escape \x1b lone \ud800 \udfff line \u2028 paragraph \u2029 none \uffff",
    "x" * 1_000_000,
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def sample(task: str, i: int, **changes: Any) -> Sample:
    row = Sample(
        task=task,
        sample=i,
        prompt=f"prompt of {task}",
        response=f"response {i} of {task}",
        passed=False,
        gradable=True,
        score=0.0,
        status="failed",
        reason="wrong_value",
        extracted="7",
        finish_reason="stop",
        tokens=5,
    )
    return replace(row, **changes)


def solved(task: str, i: int, **changes: Any) -> Sample:
    return sample(task, i, passed=True, status="passed", score=1.0, **changes)


def ungradable(task: str, i: int, **changes: Any) -> Sample:
    return sample(task, i, passed=None, gradable=False, status="verifier_error", **changes)


def run_of(samples: Sequence[Sample], name: str = "base", tasks: Sequence[str] = (), n: int = 4) -> Run:
    ks = tuple(2**i for i in range(n.bit_length()))
    task_ids = list(tasks) or sorted({s.task for s in samples})
    about = {"env": "rlvr/Countdown-v0", "policy": "scripted (p=0.5)", "verifier": "countdown@1#0", "n": n, "ks": ks}
    return Run(summarise(run=name, task_ids=task_ids, samples=samples, **about), tuple(samples))


def plain_run(name: str = "base", solved_below: int = 2) -> Run:
    rows = [(solved if i < solved_below else sample)(f"t{t}", i) for t in range(6) for i in range(4)]
    return run_of(rows, name)


def compared(base: Run, other: Run) -> Comparison:
    counts = [{c.task: c for c in count_tasks([f"t{t}" for t in range(6)], run.samples)} for run in (base, other)]
    return compare_counts(counts[0], counts[1], (1, 2, 4), (base.summary.run, other.summary.run))


def written(folder: Path, runs: Sequence[Run], comparison: Comparison | None = None, title: str = "A title") -> str:
    return write_report(folder, runs, comparison, title=title).read_text(encoding="utf-8")


def embedded(text: str) -> dict[str, Any]:
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    value: dict[str, Any] = json.loads(found)
    return value


def visible(text: str) -> str:
    """The text outside the script elements, without markup."""
    body = re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", body)))


class Elements(HTMLParser):
    """Every element and attribute, and whether they nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "input":
            assert self.open.pop() == tag


# --- What the page says --------------------------------------------------------------------------------------------


def test_a_single_run_is_answered_at_the_top(tmp_path: Path) -> None:
    # Each of 6 tasks has 2 passes among 4: pass@1 = 1/2, pass@2 = 1 - C(2,2)/C(4,2) = 5/6, pass@4 = 1.
    text = visible(written(tmp_path, [plain_run()]))
    assert "pass@1 = 50.0 % (50.0 to 50.0), pass@4 = 100.0 % (100.0 to 100.0)." in text
    for fact in ("A title", "rlvr/Countdown-v0", "countdown@1#0", "6 of 6", "scripted (p=0.5)"):
        assert fact in text


def test_the_comparison_is_shown_only_where_there_is_one(tmp_path: Path) -> None:
    base, other = plain_run("base", 1), plain_run("rl", 3)
    comparison = compared(base, other)
    without, text = (visible(written(tmp_path, [base, other], given)) for given in (None, comparison))
    for part in ("Tasks solved at least once", "Simultaneous 95 % band", "Difference, points", comparison.sentence[1:]):
        assert part not in without
        assert part in text
    assert "base: pass@1 = 25.0 %" in without
    # With n = 4 the bound 3/n is 75 %.
    assert "3/n = 75.0 %" in text
    assert "+50.0" in text  # pass@1: 3/4 - 1/4


def test_the_words_about_the_band_match_it(tmp_path: Path) -> None:
    base, other = plain_run("base", 1), plain_run("rl", 3)
    # At k = 4 both runs solve every task in every resample: the difference is 0 with no width, so it is not settled.
    text = visible(written(tmp_path, [base, other], compared(base, other)))
    assert "By the band: rl is above at k = 1, 2; not settled at k = 4." in text


def test_outcomes_are_counted_and_ungradable_ones_named(tmp_path: Path) -> None:
    rows = [solved("a", 0), sample("a", 1, finish_reason="length"), ungradable("a", 2), ungradable("a", 3)]
    text = visible(written(tmp_path, [run_of(rows, n=2)]))
    assert "passed 1 25.0 % the strict check holds" in text
    assert "verifier_error, ungradable 2 50.0 % the verifier failed" in text
    assert "Ungradable 2 50.0 % not the policy's doing" in text
    assert "Cut off by length 1 25.0 %" in text


def test_unanimous_tasks_are_reported_only_where_they_mean_something(tmp_path: Path) -> None:
    same = [solved("a", i, response="same") for i in range(2)]
    assert "Unanimous tasks 100.0 %" in visible(written(tmp_path, [run_of(same, n=2)]))
    assert "Unanimous tasks – included" in visible(written(tmp_path, [run_of(same[:1], n=1)]))


def test_incomplete_tasks_are_listed_up_to_fifty(tmp_path: Path) -> None:
    rows = [solved("whole", i) for i in range(4)] + [solved("t000", 0), ungradable("t000", 1)]
    missing = [f"t{i:03}" for i in range(60)]
    text = visible(written(tmp_path, [run_of(rows, tasks=["whole", *missing])]))
    assert "60 of 61 tasks, the first 50 listed" in text
    assert "60 of 61 tasks have fewer than 4 gradable samples and are left out of every k" in text
    assert "t000 1 1 1 prompt of t000" in text
    assert "t049 0 0 0 no sample" in text
    assert "t050" not in text


def test_a_run_without_any_complete_task_says_why(tmp_path: Path) -> None:
    text = visible(written(tmp_path, [run_of([solved("a", 0)])]))
    assert "no task is left, so there is no curve" in text
    assert "No curve: no task has enough gradable samples." in text


def test_every_disagreement_with_a_label_is_listed(tmp_path: Path) -> None:
    rows = [solved(f"t{i:03}", 0, label=i % 2 == 0, reason="equal") for i in range(300)]
    rows += [sample("fails", 0, label=True), ungradable("void", 0, label=False), sample("agrees", 0, label=False)]
    text = visible(written(tmp_path, [run_of(rows, n=1)]))
    listed = re.findall(r"(\w+) #0 judged (\w+), labelled (right|wrong)", text)
    expected = [(f"t{i:03}", "passed", "wrong") for i in range(1, 300, 2)]
    assert listed == [*expected, ("fails", "failed", "right"), ("void", "verifier_error", "wrong")]
    assert "base 303 151 49.8 % 150 1 1" in text  # 150 even tasks and "agrees" agree
    assert "base : 152 differ" in text


def test_without_labels_there_is_nothing_about_them(tmp_path: Path) -> None:
    assert "Agreement" not in visible(written(tmp_path, [plain_run()]))


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    data = embedded(written(tmp_path, [plain_run(), plain_run()]))
    assert data["runs"] == ["base (1)", "base (2)"]


@pytest.mark.parametrize("count", range(1, 9))
def test_one_to_eight_runs_make_a_page_whose_elements_nest(tmp_path: Path, count: int) -> None:
    names = Elements(written(tmp_path, [plain_run(f"run-{i}", i % 5) for i in range(count)])).names
    assert names["script"] == 2
    assert names["h1"] == 1


@pytest.mark.parametrize("count", [0, 9])
def test_other_numbers_of_runs_are_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(ConfigError, match=f"1 to 8 runs, got {count}"):
        write_report(tmp_path, [plain_run()] * count, title="A title")


# --- Untrusted text ------------------------------------------------------------------------------------------------


def attacked_run() -> Run:
    rows = []
    for i, text in enumerate(ATTACKS):
        texts = {"prompt": text, "response": text, "reason": text, "extracted": text, "status": text[:60]}
        rows.append(sample(f"t{i}{text[:40]}", 0, label=True, **texts))
    return run_of(rows, ATTACKS[0], n=1)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("attacked"), [attacked_run()], title=ATTACKS[0])


def test_attacks_add_no_element_and_no_attribute(attacked: Path) -> None:
    text = attacked.read_text(encoding="utf-8")
    found, calm = Elements(text), attacked.parent / "calm"
    rows = [sample(f"t{i}", 0, status=f"s{i}", label=True) for i in range(len(ATTACKS))]
    expected = Elements(written(calm, [run_of(rows, n=1)]))
    assert found.names == expected.names
    assert found.attributes <= expected.attributes | {"title"}  # the full name of a run whose name is shortened
    assert not {name for name in found.attributes if name.startswith("on")}
    assert "\x00" not in text


def test_the_page_loads_nothing_and_allows_one_script(attacked: Path) -> None:
    text = attacked.read_text(encoding="utf-8")
    outside = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    assert not {"src", "href", "srcset", "action"} & Elements(text).attributes
    assert "default-src 'none'" in text
    assert "url(" not in outside
    assert "@import" not in outside
    assert not {"innerHTML", "insertAdjacentHTML", "document.write", "eval("} & set(re.findall(r"[\w.]+\(?", text))


def test_the_embedded_samples_are_the_samples(attacked: Path) -> None:
    data = embedded(attacked.read_text(encoding="utf-8"))
    for given, row in zip(attacked_run().samples, data["samples"], strict=True):
        assert row["response"] == clip(given.response, 4000)
        assert data["prompts"][row["prompt"]] == clip(given.prompt, 4000)
        assert (row["task"], row["sample"], row["status"]) == (given.task, given.sample, given.status)
        assert (row["passed"], row["gradable"], row["tokens"]) == (given.passed, given.gradable, given.tokens)
    assert data["samples"][-1]["response"] == ["x" * 2000, 996_000, "x" * 2000]


@pytest.mark.parametrize("text", [*ATTACKS[:4], "<!--<script>"])
def test_json_for_script_cannot_leave_its_element(text: str) -> None:
    found = json_for_script({text: text})
    assert json.loads(found) == {text: text}
    assert found.isascii()
    assert not set("<>&") & set(found)


def test_tag_escapes_children_and_attributes() -> None:
    assert tag("a", '"<&', title="\"<'>") == '<a title="&quot;&lt;&#x27;&gt;">&quot;&lt;&amp;</a>'
    assert printable("a\x00\x7f\ud800\n") == "a␀␡\\ud800\n"


def test_a_score_that_is_no_number_leaves_valid_json(tmp_path: Path) -> None:
    data = embedded(written(tmp_path, [run_of([sample("a", 0, score=float("nan"))], n=1)]))
    assert data["samples"][0]["score"] is None


def test_the_same_runs_give_the_same_bytes(tmp_path: Path, attacked: Path) -> None:
    again = write_report(tmp_path, [attacked_run()], title=ATTACKS[0])
    assert again.read_bytes() == attacked.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


# --- Which samples are kept ----------------------------------------------------------------------------------------


def test_all_samples_are_kept_where_they_fit() -> None:
    rows = [sample(f"t{t}", i) for t in range(5) for i in range(3)]
    assert choose([rows, rows[:2]], 17) == [rows, rows[:2]]


def test_a_cut_is_even_over_runs_and_tasks_and_keeps_rare_outcomes() -> None:
    rows = [sample(f"{t:04x}", i) for t in range(100) for i in range(64)]
    rows[5000], rows[6000] = replace(rows[5000], status="timeout"), replace(rows[6000], label=True)
    first, second, small = choose([rows, rows, rows[:40]], 1000)
    assert len(small) == 40
    assert len(first) == len(second) == 480
    assert first == [s for s in rows if s in first]
    assert {rows[5000].key, rows[6000].key} <= {s.key for s in first}
    taken = Counter(s.task for s in first)
    assert len(taken) == 100
    assert set(taken.values()) <= {4, 5, 6}


def test_the_page_says_what_was_left_out(tmp_path: Path) -> None:
    rows = [sample(f"t{t}", i, response="y" * 4001 if t == 0 else "y") for t in range(80) for i in range(40)]
    text = written(tmp_path, [run_of(rows, n=40)])
    assert len(embedded(text)["samples"]) == 3000
    assert "3,000 of 3,200 samples are in this page" in visible(text)
    # 3,000 of 80 tasks is 37.5 a task: t0 keeps 37 or 38.
    assert re.search(r"Of 3[78] long responses only the first and the last 2,000 characters", visible(text))


# --- Run folders ---------------------------------------------------------------------------------------------------


def test_a_run_folder_is_loaded_as_far_as_its_configuration_asks(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    config = BenchConfig("rlvr/Arithmetic-v0", {"style": "compact"}, {"name": "scripted"}, n=2, tasks=3)
    summary = bench(config, lambda tasks: ScriptedPolicy(tasks, 1.0), folder)
    RunFolder(folder).append([sample("stranger", 0), sample(summary.run, 9)])
    run = load_run(folder)
    assert run.summary == summary
    assert [s.sample for s in run.samples] == [0, 1] * 3
    assert Counter(s.status for s in run.samples) == summary.statuses
    assert "pass@1 = 100.0 %" in visible(written(tmp_path / "out", [run]))


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="not a run folder"):
        load_run(tmp_path)


# --- In a browser --------------------------------------------------------------------------------------------------


def dumped(page: Path, profile: Path) -> str:
    """The page after its script ran."""
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --virtual-time-budget=3000"
    )
    command = [str(CHROMIUM), *flags.split(), f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, check=True, timeout=120).stdout.decode("utf-8", "replace")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_a_browser_shows_the_samples_and_runs_no_attack(attacked: Path, tmp_path: Path) -> None:
    dom = dumped(attacked, tmp_path / "profile")
    title = re.search(r"<title>(.*?)</title>", dom, re.S)
    assert title is not None
    assert html.unescape(title[1]) == ATTACKS[0]
    assert len(re.findall(r'<details class="row failed">', dom)) == len(ATTACKS)
    assert "1–5 of 5 matching, among 5 in this page" in dom
    assert not re.search(r"<(img|svg/)", dom)
    assert "nul ␀ escape ␛ lone \\ud800 \\udfff line" in dom  # made visible, as in the parts without a script


def acted(page: Path, script: str) -> Path:
    """A copy of the page that lets a script of this test act as its reader."""
    text = re.sub(r"<meta http-equiv[^>]*>", "", page.read_text(encoding="utf-8"))
    copy = page.with_name("acted.html")
    copy.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    return copy


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_a_browser_shows_fifty_rows_a_page(tmp_path: Path) -> None:
    rows = [(solved if t % 2 else sample)(f"t{t}", i) for t in range(15) for i in range(4)]
    page = write_report(tmp_path, [run_of(rows)], title="Pages")
    assert dumped(page, tmp_path / "profile").count('<details class="row ') == 50
    press_n = acted(page, "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'n', bubbles: true}))")
    dom = dumped(press_n, tmp_path / "profile")
    assert dom.count('<details class="row ') == 10
    assert "51–60 of 60 matching" in dom


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_a_reader_can_filter_search_and_open_a_row(tmp_path: Path) -> None:
    page = write_report(tmp_path, [plain_run("base", 1), plain_run("rl", 3)], title="Filters")
    script = """
      const pick = (id, value, kind) => {
        const field = document.getElementById(id);
        field.value = value;
        field.dispatchEvent(new Event(kind));
      };
      pick("run", "1", "change"); pick("outcome", "0", "change"); pick("query", "RESPONSE 2 of t4", "input");
      document.querySelector(".row").open = true;
    """
    dom = dumped(acted(page, script), tmp_path / "profile")
    # Of the 3 passes of each task of the run rl, one is number 2 of t4.
    assert "1–1 of 1 matching, among 48 in this page" in dom
    assert '<pre tabindex="0">response 2 of t4</pre>' in dom
    assert '<pre tabindex="0">prompt of t4</pre>' in dom
