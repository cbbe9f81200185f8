"""The sample browser of the report page: which samples the page holds, how they are embedded, and its script."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rlvr_gym.benchmarks.folder import Sample
from rlvr_gym.benchmarks.report_page import Html, tag

MAX_SAMPLES = 3000
MAX_CHARACTERS = 4000
KEPT_OF_EACH_OUTCOME = 25


def browser(names: Sequence[str], runs: Sequence[Sequence[Sample]]) -> tuple[Html, dict[str, Any]]:
    """The section of the page and the data that its script reads.

    Args:
        names: Names of the runs.
        runs: Samples of each run.
    """
    shown = choose(runs, MAX_SAMPLES)
    outcomes = Counter((s.gradable, s.status) for samples in shown for s in samples)
    order = sorted(outcomes, key=lambda key: (not key[0], key[1] != "passed", key[1]))
    data = _data(names, shown, order)
    labels = [f"{status}{'' if gradable else ', ungradable'}" for gradable, status in order]
    counted: list[tuple[object, str]] = [
        (i, f"{label} ({outcomes[key]:,})") for i, (label, key) in enumerate(zip(labels, order, strict=True))
    ]
    differing = sum(differs(s) for samples in shown for s in samples)
    if differing:
        counted.append(("differs", f"differs from its label ({differing:,})"))
    pages = tag(
        "div",
        tag("output", id="count", aria_live="polite"),
        tag("button", "Previous", id="previous", type="button"),
        tag("button", "Next", id="next", type="button"),
        class_="pager",
    )
    controls = tag(
        "div",
        _choice("run", "Run", [("", "all runs"), *((i, name) for i, name in enumerate(names))]),
        _choice("outcome", "Outcome", [("", "all outcomes"), *counted]),
        tag("label", "Search in the texts shown here", tag("input", id="query", type="search"), class_="wide"),
        class_="controls",
    )
    keys = (("/", "search"), ("j", "next row"), ("k", "row before"), ("n", "next page"), ("p", "page before"))
    help_ = [part for key, use in keys for part in (tag("kbd", key), f" {use} ")]
    keyboard = tag("p", *help_, tag("kbd", "Enter"), " open or close", class_="note")
    inside = [controls, keyboard, pages, tag("div", id="rows")]
    section = tag(
        "section",
        tag("h2", "Samples"),
        tag("p", _left_out(runs, shown), class_="note"),
        tag("noscript", tag("p", "The samples are shown by a script, which this browser does not run.")),
        tag("div", *inside, id="browser", hidden=""),
        id="samples",
    )
    return section, data


def choose(runs: Sequence[Sequence[Sample]], limit: int) -> list[list[Sample]]:
    """The samples that the page holds: all, or `limit` of them in equal shares of the runs.

    Where a run is cut, up to 25 samples of each outcome come first, so that rare ones stay; the rest is taken in
    rounds, one sample of every task a round, and a last incomplete round goes by task id, which is a hash.

    Args:
        runs: Samples of each run.
        limit: How many to keep in all.

    Returns:
        The kept samples of each run, in their order there.

    Example:
        >>> from rlvr_gym.benchmarks.folder import Sample
        >>> row = {"prompt": "", "response": "", "gradable": True, "score": 0.0, "reason": "", "extracted": None,
        ...        "finish_reason": "stop", "tokens": 0}
        >>> rows = [Sample(task=t, sample=i, passed=t == "b", status="passed" if t == "b" else "failed", **row)
        ...         for t in "abc" for i in range(2)]
        >>> [(s.task, s.sample) for s in choose([rows], 3)[0]]
        [('a', 0), ('b', 0), ('c', 0)]
    """
    left, quotas = limit, [0] * len(runs)
    for place, index in enumerate(sorted(range(len(runs)), key=lambda i: len(runs[i]))):
        quotas[index] = min(len(runs[index]), left // (len(runs) - place))
        left -= quotas[index]
    return [_evenly(samples, quota) for samples, quota in zip(runs, quotas, strict=True)]


def _evenly(samples: Sequence[Sample], quota: int) -> list[Sample]:
    if len(samples) <= quota:
        return list(samples)
    rounds: Counter[str] = Counter()
    places: list[tuple[int, str, int]] = []
    for index, sample in enumerate(samples):
        places.append((rounds[sample.task], sample.task, index))
        rounds[sample.task] += 1
    by_outcome: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
    for _, _, index in sorted(places):
        by_outcome[samples[index].status, samples[index].gradable, differs(samples[index])].append(index)
    floor = max(1, min(KEPT_OF_EACH_OUTCOME, quota // (2 * len(by_outcome))))
    first = {index for found in by_outcome.values() for index in found[:floor]}
    order = sorted(places, key=lambda place: (place[2] not in first, place))
    return [samples[index] for index in sorted(index for _, _, index in order[:quota])]


def differs(sample: Sample) -> bool:
    """Whether a recorded label is there and our verdict is not the same."""
    return sample.label is not None and sample.passed != sample.label


def clip(text: str, limit: int) -> list[str | int]:
    """A text as `[text]`, or, where it is longer than `limit`, as `[head, characters left out, tail]`.

    Example:
        >>> clip("abc", 4), clip("abcdefgh", 4)
        (['abc'], ['ab', 4, 'gh'])
    """
    if len(text) <= limit:
        return [text]
    half = limit // 2
    return [text[:half], len(text) - 2 * half, text[-half:]]


def _data(names: Sequence[str], shown: Sequence[Sequence[Sample]], order: Sequence[tuple[bool, str]]) -> dict[str, Any]:
    prompts: dict[str, int] = {}
    rows = []
    for run, samples in enumerate(shown):
        for sample in samples:
            row = asdict(sample) | {
                "run": run,
                "prompt": prompts.setdefault(sample.prompt, len(prompts)),
                "response": clip(sample.response, MAX_CHARACTERS),
                "reason": clip(sample.reason, MAX_CHARACTERS),
                "extracted": None if sample.extracted is None else clip(sample.extracted, MAX_CHARACTERS),
                "score": sample.score if math.isfinite(sample.score) else None,
                "outcome": order.index((sample.gradable, sample.status)),
                "differs": differs(sample),
            }
            rows.append(row)
    return {"runs": list(names), "prompts": [clip(prompt, MAX_CHARACTERS) for prompt in prompts], "samples": rows}


def _left_out(runs: Sequence[Sequence[Sample]], shown: Sequence[Sequence[Sample]]) -> str:
    every, kept = sum(map(len, runs)), sum(map(len, shown))
    text = f"All {every:,} samples are in this page."
    if kept < every:
        text = (
            f"{kept:,} of {every:,} samples are in this page, in equal shares of the runs: up to "
            f"{KEPT_OF_EACH_OUTCOME} of each outcome first, then one of every task a round. Shares of outcomes here "
            "are not those of the run."
        )
    if long := sum(len(s.response) > MAX_CHARACTERS for samples in shown for s in samples):
        half = MAX_CHARACTERS // 2
        text += f" Of {long:,} long responses only the first and the last {half:,} characters are here."
    return text


def _choice(name: str, label: str, options: Sequence[tuple[object, str]]) -> Html:
    return tag("label", label, tag("select", *(tag("option", text, value=value) for value, text in options), id=name))


# The script writes model output with textContent alone and has no other way to make markup.
SCRIPT = r"""
"use strict";
(() => {
  const PAGE = 50;
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const list = byId("rows"), count = byId("count"), previous = byId("previous"), next = byId("next");
  const run = byId("run"), outcome = byId("outcome"), query = byId("query");
  let found = data.samples, page = 0;

  // As in the rest of the page: lone surrogates as escapes, control characters as pictures.
  const printable = (text) => text
    .replace(/[\ud800-\udfff]/gu, (c) => "\\u" + c.charCodeAt(0).toString(16))
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)));
  const make = (name, style, text) => {
    const element = document.createElement(name);
    if (style) element.className = style;
    if (text !== undefined) element.textContent = printable(text);
    return element;
  };

  // A text is [whole] or [head, characters left out, tail].
  const whole = (text) => text.length === 1 ? text[0] : text[0] + " … " + text[2];
  const block = (title, text) => {
    const section = make("div"), pre = make("pre", "", text[0]);
    if (text.length > 1) {
      const gap = "\n[" + text[1].toLocaleString("en") + " characters left out]\n";
      pre.append(make("span", "cut", gap), printable(text[2]));
    }
    pre.tabIndex = 0;
    section.append(make("h4", "", title), pre);
    return section;
  };

  const kind = (s) => !s.gradable ? "ungradable" : s.passed ? "passed" : "failed";
  const MARK = {passed: "✓", failed: "✗", ungradable: "?"};
  const fields = (s) => [
    ["status", s.status + (s.gradable ? "" : " (ungradable)")], ["reason", whole(s.reason)],
    ["extracted", s.extracted === null ? "nothing" : whole(s.extracted)], ["score", s.score],
    ["recorded label", s.label === null ? null : s.label ? "right" : "wrong"],
    ["tokens", s.tokens], ["ended by", s.finish_reason], ["run", data.runs[s.run]], ["task", s.task],
  ];

  const fill = (row, s) => {
    const body = make("div", "body"), facts = make("dl");
    for (const [name, value] of fields(s)) {
      if (value !== null && value !== "") facts.append(make("dt", "", name), make("dd", "", String(value)));
    }
    body.append(facts, block("Prompt", data.prompts[s.prompt]), block("Response", s.response));
    row.append(body);
  };

  const named = (s) => data.runs.length > 1 ? [make("span", "", data.runs[s.run])] : [];
  const show = (s) => {
    const row = make("details", "row " + kind(s)), line = make("summary");
    const end = whole(s.response), last = end.length > 160 ? "…" + end.slice(-160) : end;
    const gist = s.extracted === null ? last : "→ " + whole(s.extracted);
    line.append(make("span", "state", MARK[kind(s)]), ...named(s),
      make("code", "", s.task.slice(0, 8) + " #" + s.sample), make("span", "state", s.status),
      make("span", "gist", gist));
    row.append(line);
    row.addEventListener("toggle", () => { if (row.open && !row.querySelector(".body")) fill(row, s); });
    return row;
  };

  const render = () => {
    const start = page * PAGE, end = Math.min(start + PAGE, found.length), n = (x) => x.toLocaleString("en");
    list.replaceChildren(...found.slice(start, end).map(show));
    count.textContent = (found.length ? n(start + 1) + "–" + n(end) + " of " + n(found.length) : "none") +
      " matching, among " + n(data.samples.length) + " in this page";
    previous.disabled = page === 0;
    next.disabled = end >= found.length;
  };

  const text = (s) => s.text ??= [s.task, s.status, whole(s.reason), s.extracted ? whole(s.extracted) : "",
    whole(s.response), whole(data.prompts[s.prompt])].join("\n").toLowerCase();
  const matches = (s) => (run.value === "" || s.run === Number(run.value)) &&
    (outcome.value === "" || s.outcome === Number(outcome.value) || (outcome.value === "differs" && s.differs));
  const filter = () => {
    const needle = query.value.toLowerCase();
    found = data.samples.filter((s) => matches(s) && (!needle || text(s).includes(needle)));
    page = 0;
    render();
  };

  const turn = (step) => {
    const target = page + step;
    if (target < 0 || target * PAGE >= found.length) return;
    page = target;
    render();
    byId("samples").scrollIntoView();
  };
  const move = (step) => {
    const lines = [...list.querySelectorAll("summary")], at = lines.indexOf(document.activeElement);
    const line = lines[Math.max(0, Math.min(lines.length - 1, at + step))];
    if (line) line.focus();
  };
  const KEYS = {"/": () => query.focus(), n: () => turn(1), p: () => turn(-1), j: () => move(1), k: () => move(-1)};
  document.addEventListener("keydown", (event) => {
    const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName);
    if (event.key === "Escape" && typing) event.target.blur();
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  for (const field of [run, outcome]) field.addEventListener("change", filter);
  query.addEventListener("input", filter);
  previous.addEventListener("click", () => turn(-1));
  next.addEventListener("click", () => turn(1));
  list.classList.toggle("several", data.runs.length > 1);
  byId("browser").hidden = false;
  filter();
})();
"""
