"""`rlvr grok`: dense, then binary: a phase transition from scratch."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlvr_gym.cli.console import percent, say, table, warn
from rlvr_gym.verifiers import ConfigError, MissingExtraError

_NUMBERS = ("steps", "imitation", "prompts", "group", "samples", "pooled")


def run_grok(args: argparse.Namespace) -> int:
    """Run what is missing, then write the summary and the figure."""
    from rlvr_gym.benchmarks.grokking import Plan, draw, grok, summary

    if args.jobs < 1:
        raise ConfigError(f"--jobs must be at least 1, got {args.jobs}")
    out = Path(args.out)
    if not args.plot:
        given = {name: getattr(args, name) for name in _NUMBERS if getattr(args, name) is not None}
        plan = replace(Plan(seeds=tuple(args.seeds)), **given)
        plan = plan if args.arms is None else replace(plan, arms=tuple(args.arms))
        grok(plan, out, jobs=args.jobs, say=say)
    found = summary(out)
    (out / "grok.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    say(table(("arm", "seed", "switch", "10 %", "90 %", "right", "on every tape", "held out"), _rows(found)))
    try:
        draw(found, out / "grok.png")
        say(f"wrote {out / 'grok.json'} and {out / 'grok.png'}")
    except MissingExtraError as error:
        warn(str(error))
        say(f"wrote {out / 'grok.json'}")
    return 0


def _rows(found: dict[str, Any]) -> list[list[str]]:
    rows = [
        ["base", seed, "", "", "", percent(each["each"]["pass_rate"]), percent(each["each"]["exact_rate"]), ""]
        for seed, each in found["bases"].items()
    ]
    for run in found["runs"]:
        turned = [
            "-" if run["turn"][key] is None else str(run["turn"][key]) for key in ("switch", "tenth", "nine_tenths")
        ]
        after = run["after"]
        rates = ["", "", ""]
        if after is not None:
            train, test = after["train"], after["test"]
            rates = [percent(value) for value in (train["pass_rate"], train["exact_rate"], test["exact_rate"])]
        rows.append([run["arm"], str(run["seed"]), *turned, *rates])
    return rows
