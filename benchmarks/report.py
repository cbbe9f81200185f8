"""`report.html`: one page that answers the question first and shows every figure and the samples behind it.

The page is one file that loads nothing. It is a function of the runs alone: the same runs give the same bytes. Model
output is untrusted and reaches the page only through the escaping of `report_page`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rlvr_gym.benchmarks.compare import Comparison, settled
from rlvr_gym.benchmarks.curve import RESAMPLES, Summary
from rlvr_gym.benchmarks.folder import RunFolder, Sample
from rlvr_gym.benchmarks.plots import (
    SERIES,
    curve_svg,
    difference_svg,
    percent,
    point_text,
    points_of_percent,
    series_colour,
    series_style,
    shorten,
)
from rlvr_gym.benchmarks.report_page import Html, join, page, table, tag
from rlvr_gym.benchmarks.report_samples import SCRIPT, browser, clip, differs
from rlvr_gym.benchmarks.runner import summarise_run
from rlvr_gym.verifiers import ConfigError

__all__ = ["Run", "curve_svg", "load_run", "write_report"]

EXCERPT = 600
LISTED_TASKS = 50
OPENED = 3  # lists up to this long are open from the start

MEANINGS = {
    "passed": "the strict check holds",
    "failed": "an answer was found and it is wrong",
    "no_answer": "no answer was found in the response",
    "ambiguous": "more than one answer was given",
    "malformed": "the answer could not be read",
    "timeout": "checking the answer took too long",
    "limit_exceeded": "the answer exceeds a limit of the verifier",
    "runtime_error": "the submitted code failed",
    "max_turns": "the episode ended before an answer",
    "reference_error": "the task's own reference could not be read",
    "sandbox_error": "the sandbox failed",
    "verifier_error": "the verifier failed",
    "error": "the environment raised",
}


@dataclass(frozen=True)
class Run:
    """A run as the report shows it: its figures, and the samples that they were counted from."""

    summary: Summary
    samples: Sequence[Sample]


def load_run(folder: str | Path) -> Run:
    """Read a run folder and summarise it anew; rows that its configuration does not ask for are left out.

    Raises:
        RunFolderError: The folder is not a run or is damaged.
    """
    run = RunFolder(folder)
    summary = summarise_run(run)
    config, rows = run.config(), run.samples()
    wanted = ((task, i) for task in config["tasks"] for i in range(config["n"]))
    return Run(summary, tuple(rows[key] for key in wanted if key in rows))


def write_report(out: Path, runs: Sequence[Run], comparison: Comparison | None = None, *, title: str) -> Path:
    """Write `report.html`.

    Args:
        out: Folder to write into; made if it is missing.
        runs: One to eight runs.
        comparison: The comparison of the runs, if there is one.
        title: Heading of the page.

    Returns:
        The file.

    Raises:
        ConfigError: There is no run, or more than can be told apart in one picture.
    """
    if not 1 <= len(runs) <= len(SERIES):
        raise ConfigError(f"a report shows 1 to {len(SERIES)} runs, got {len(runs)}")
    runs = _named(runs, comparison)
    summaries = [run.summary for run in runs]
    body = [_header(title, summaries, comparison), _curve(summaries)]
    if comparison is not None:
        body.append(_comparison(comparison))
    body += [_outcomes(runs), *_incomplete(runs), *_agreement(runs)]
    names = [summary.run for summary in summaries]
    section, data = browser(names, [run.samples for run in runs])
    body += [section, _footer(summaries)]
    out.mkdir(parents=True, exist_ok=True)
    file, partial = out / "report.html", out / "report.html.partial"
    partial.write_bytes(page(title, series_style(), body, data, SCRIPT).encode("utf-8"))
    return partial.replace(file)


def _named(runs: Sequence[Run], comparison: Comparison | None) -> list[Run]:
    """Runs with distinct names: those of the comparison, else numbered where two folders share one."""
    names: list[str] = [run.summary.run for run in runs]
    if comparison is not None and len(runs) == 2:
        names = [comparison.base, comparison.other]
    elif len(set(names)) < len(names):
        names = [f"{name} ({i})" for i, name in enumerate(names, start=1)]
    return [replace(run, summary=replace(run.summary, run=name)) for run, name in zip(runs, names, strict=True)]


def _header(title: str, summaries: Sequence[Summary], comparison: Comparison | None) -> Html:
    facts = join(
        tag("span", f"{label} ", tag("b", "; ".join(dict.fromkeys(values))), ". ")
        for label, values in (
            ("Environment", [s.env for s in summaries]),
            ("Verifier", [s.verifier for s in summaries]),
            ("Tasks in the curve", [f"{s.included:,} of {s.tasks:,}" for s in summaries]),
            ("Samples a task", [f"{s.n:,}" for s in summaries]),
            *([("Policy", [summaries[0].policy])] if len(summaries) == 1 else []),
        )
    )
    if comparison is None:
        answer = [tag("p", _answer(summary, len(summaries) > 1)) for summary in summaries]
        basis = "In brackets: 95 % bootstrap interval over tasks."
    else:
        found = comparison.sentence
        if comparison.verdict == "unresolved":
            found = found[:1].upper() + found[1:]
        answer = [tag("p", _sentence(found))]
        basis = (
            f"Paired over {comparison.tasks:,} tasks complete in both runs ({comparison.left_out:,} left out), at "
            f"least {comparison.n:,} samples each; judged by the simultaneous 95 % band of the difference."
        )
    answer.append(tag("p", basis, class_="note"))
    parts = [tag("h1", title), tag("p", facts, class_="facts"), tag("div", *answer, class_="answer")]
    if len(summaries) > 1:
        rows = [[_name(i, s), s.policy, f"{s.included:,} of {s.tasks:,}", f"{s.n:,}"] for i, s in enumerate(summaries)]
        parts.append(table(["Run", "Policy", "Tasks in the curve", "Samples a task"], rows, class_="words"))
    return tag("header", *parts)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _answer(summary: Summary, named: bool) -> str:
    if not summary.curve:
        return f"{summary.run}: {_sentence(summary.note or 'no tasks, so there is no curve')}"
    points = dict.fromkeys((summary.curve[0], summary.curve[-1]))
    text = ", ".join(point_text(point) for point in points)
    return f"{summary.run}: {text}." if named else f"{text}."


def _curve(summaries: Sequence[Summary]) -> Html:
    ks = sorted({point.k for summary in summaries for point in summary.curve})
    rows = []
    for i, summary in enumerate(summaries):
        at = {p.k: _cell(f"{100 * p.estimate:.1f}", f"{100 * p.low:.1f}–{100 * p.high:.1f}") for p in summary.curve}
        rows.append([_name(i, summary), *(at.get(k, "–") for k in ks)])
    parts = [tag("figure", tag("div", curve_svg(summaries), class_="scroll"))]
    if ks:
        parts.append(table(["pass@k in %", *(f"k={k}" for k in ks)], rows))
        parts.append(tag("p", "Below each estimate: its 95 % interval at that k.", class_="note"))
    notes = [f"{summary.run}: {_sentence(summary.note)}" for summary in summaries if summary.note]
    return tag("section", tag("h2", "pass@k"), *parts, *(tag("p", note, class_="note") for note in notes))


def _comparison(comparison: Comparison) -> Html:
    base, other = comparison.base, comparison.other
    rows = [
        [
            f"{p.k}",
            f"{100 * p.base:.1f}",
            f"{100 * p.other:.1f}",
            points_of_percent(p.difference),
            f"{points_of_percent(p.low)} to {points_of_percent(p.high)}",
        ]
        for p in comparison.curve
    ]
    head = ["k", f"{base}, %", f"{other}, %", "Difference, points", "Simultaneous 95 % band"]
    support, tasks = comparison.support, comparison.tasks
    counts = (
        ("both runs", support.both),
        (f"only {base}", support.only_base),
        (f"only {other}", support.only_other),
        ("neither", support.neither),
    )
    solved = [[label, f"{count:,}", percent(count / tasks) if tasks else "–"] for label, count in counts]
    n = comparison.n
    return tag(
        "section",
        tag("h2", "Difference"),
        tag("p", f"pass@k of {other} minus pass@k of {base}, on the same {tasks:,} tasks.", class_="note"),
        tag("figure", tag("div", difference_svg(comparison), class_="scroll")),
        tag("p", "By the band: " + "; ".join(settled(comparison.curve, (comparison.base, comparison.other))) + "."),
        table(head, rows),
        tag("h3", "Tasks solved at least once"),
        table(["Solved by", "Tasks", "Share"], solved),
        tag(
            "p",
            f"“Never solved in n tries” is not “cannot be solved”: with n = {n:,} it only bounds the task's success "
            f"rate, below about 3/n = {percent(min(1.0, 3 / n))} at 95 % confidence. A task solved by one run alone "
            "may be luck of the draw where both rates are small.",
            class_="note",
        ),
    )


def _outcomes(runs: Sequence[Run]) -> Html:
    counts = [Counter((s.gradable, s.status) for s in run.samples) for run in runs]
    every = {key for count in counts for key in count}
    rank = {status: place for place, status in enumerate(MEANINGS)}
    order = sorted(every, key=lambda key: (not key[0], rank.get(key[1], len(rank)), key[1]))
    rows: list[list[object]] = []
    for gradable, status in order:
        cells = [_count(count[gradable, status], count.total()) for count in counts]
        label = status if gradable else f"{status}, ungradable"
        rows.append([label, *cells, MEANINGS.get(status, "")])
    totals = [run.summary for run in runs]
    asked = [s.tasks * s.n - s.samples for s in totals]
    apart = "not the policy's doing: in no estimate, never counted as wrong"
    repeats = "included tasks all of whose responses are one text; near 100 % means greedy or broken sampling"
    rows += [
        ["All samples", *(f"{s.samples:,}" for s in totals), "rows of the run"],
        ["Not sampled", *(f"{missing:,}" for missing in asked), "asked for, but not in the run"],
        ["Ungradable", *(_count(s.ungradable, s.samples) for s in totals), apart],
        ["Cut off by length", *(_count(s.cut_off, s.samples) for s in totals), "generation hit its length limit"],
        ["Unanimous tasks", *(percent(s.unanimous) if s.included and s.n > 1 else "–" for s in totals), repeats],
    ]
    head = ["Outcome", *(_name(i, s) for i, s in enumerate(totals)), "Meaning"]
    return tag("section", tag("h2", "Outcomes"), table(head, rows, class_="outcomes"), *_tools(totals))


def _tools(totals: Sequence[Summary]) -> list[Html]:
    """Calls of each tool, an episode; nothing where no run has tools."""
    names = sorted({name for s in totals for name in s.tools or ()})
    if not names:
        return []
    rows: list[list[object]] = []
    for name in names:
        used = [((s.tools or {}).get(name), s.samples) for s in totals]
        calls = [
            "–" if row is None else f"{row['calls'] / n:.2f} ({percent(row['errors'] / row['calls'])})"
            for row, n in used
        ]
        rows.append([tag("code", name) if name else "no such tool", *calls])
    head = ["Tool", *(_name(i, s) for i, s in enumerate(totals))]
    note = "Calls an episode; in brackets the calls that failed."
    return [tag("h3", "Tools"), table(head, rows), tag("p", note, class_="note")]


def _incomplete(runs: Sequence[Run]) -> list[Html]:
    head = ["Task", "Gradable", "Passed", "Ungradable", "Prompt"]
    parts = []
    for i, run in enumerate(runs):
        missing, prompts = run.summary.incomplete, {s.task: s.prompt for s in run.samples}
        if not missing:
            continue
        rows = [
            [tag("code", c.task), c.n, c.passed, c.ungradable, shorten(prompts.get(c.task, "no sample"), 70)]
            for c in missing[:LISTED_TASKS]
        ]
        shown = "all listed" if len(missing) <= LISTED_TASKS else f"the first {LISTED_TASKS} listed"
        about = tag("summary", _name(i, run.summary), f": {len(missing):,} of {run.summary.tasks:,} tasks, {shown}")
        listed = table(head, rows, class_="outcomes")
        parts.append(tag("details", about, listed, open="" if len(missing) <= OPENED else None))
        parts.append(tag("p", _sentence(run.summary.note), class_="note"))
    return [tag("section", tag("h2", "Incomplete tasks"), *parts)] if parts else []


def _agreement(runs: Sequence[Run]) -> list[Html]:
    labelled = [(i, run) for i, run in enumerate(runs) if run.summary.agreement]
    if not labelled:
        return []
    rows, lists = [], []
    for i, run in labelled:
        name, marked = _name(i, run.summary), [s for s in run.samples if s.label is not None]
        differing = [s for s in marked if differs(s)]
        kinds = (
            sum(s.passed is True for s in differing),
            sum(s.passed is False for s in differing),
            sum(s.passed is None for s in differing),
        )
        agreed = _count(len(marked) - len(differing), len(marked))
        rows.append([name, f"{len(marked):,}", agreed, *(f"{kind:,}" for kind in kinds)])
        lists.append(tag("h3", name, f": {len(differing):,} {'differs' if len(differing) == 1 else 'differ'}"))
        lists += [_disagreement(sample, len(differing) <= OPENED) for sample in differing]
    head = ["Run", "Labelled", "Agreed", "Passed, labelled wrong", "Failed, labelled right", "Not judged"]
    about = "Our verdict beside the label recorded with the response. Every sample where they differ is listed."
    heading = tag("h2", "Agreement with recorded labels")
    return [tag("section", heading, tag("p", about, class_="note"), table(head, rows), *lists)]


def _disagreement(sample: Sample, opened: bool) -> Html:
    label = "right" if sample.label else "wrong"
    line = [tag("code", f"{sample.task} #{sample.sample}"), f" judged {sample.status}, labelled {label}"]
    facts = (
        ("status", sample.status if sample.gradable else f"{sample.status} (ungradable)"),
        ("reason", sample.reason),
        ("extracted", "nothing" if sample.extracted is None else _excerpt(sample.extracted, EXCERPT)),
        ("recorded label", label),
    )
    pairs = [part for name, value in facts for part in (tag("dt", name), tag("dd", value))]
    texts = (("Prompt", sample.prompt), ("Response", sample.response))
    blocks = [part for name, text in texts for part in (tag("h4", name), tag("pre", _excerpt(text, EXCERPT)))]
    body = tag("div", tag("dl", *pairs), *blocks, class_="body")
    return tag("details", tag("summary", *line), body, open="" if opened else None)


def _name(index: int, summary: Summary) -> Html:
    shown = shorten(summary.run, 32)
    key = tag("span", class_="key", style=series_colour(index))
    return tag("span", key, shown, class_="name", title=summary.run if shown != summary.run else None)


def _cell(value: str, below: str) -> Html:
    return join([value, tag("small", below)])


def _count(count: int, of: int) -> Html:
    return _cell(f"{count:,}", percent(count / of) if of else "–")


def _excerpt(text: str, limit: int) -> str:
    """The head and the tail of a text, since the answer stands at the end."""
    parts = clip(text, limit)
    return text if len(parts) == 1 else f"{parts[0]} […{parts[1]:,} characters left out…] {parts[2]}"


def _footer(summaries: Sequence[Summary]) -> Html:
    largest = max(max(summary.ks) for summary in summaries)
    entries = tuple((term, text.format(resamples=RESAMPLES, largest=largest)) for term, text in HOW_TO_READ)
    pairs = [part for term, text in entries for part in (tag("dt", term), tag("dd", text))]
    return tag("footer", tag("h2", "How to read this page"), tag("dl", *pairs))


HOW_TO_READ = (
    (
        "pass@k",
        "The chance that at least one of k samples of a task passes, as a mean over tasks. Each task is estimated from "
        "its n samples, of which c passed, as 1 − C(n−c, k) / C(n, k), which is unbiased (Chen et al. 2021, "
        "arXiv 2107.03374); no k above n is shown. A task is in the curve at every k or at none.",
    ),
    (
        "Bands of a run",
        "95 % percentile bootstrap over tasks, {resamples:,} resamples with a fixed seed: how far the figure would "
        "move with other tasks of the same kind. Each holds at its own k alone. With few tasks, or where nearly every "
        "task passes or fails, bands are too narrow; where all do, a band has no width, which is not certainty.",
    ),
    (
        "Comparing runs",
        "Bands of two runs that overlap do not show that the runs are equal. The difference of two runs is paired by "
        "task and far sharper; its simultaneous band covers the whole curve at once with 95 %. Where that band holds "
        "zero, the question is unresolved, not answered with no.",
    ),
    (
        "Ungradable",
        "The reference, the sandbox, the verifier or the environment failed, not the policy. Such samples are counted "
        "apart and enter no estimate.",
    ),
    (
        "Not claimed",
        "Nothing about k above {largest}, about tasks of another kind, another prompt or other sampling settings, or "
        "about a second training: one run is one draw of training. A pass says that the verifier accepted the final "
        "answer, not that the reasoning is sound or that the task was new to the model.",
    ),
)
