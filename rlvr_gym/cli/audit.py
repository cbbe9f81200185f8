"""`rlvr audit`: scripted attacks that want reward without solving the task."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlvr_gym.cli import specs
from rlvr_gym.cli.console import percent, progress_bar, say, table, warn
from rlvr_gym.envs.audit import FINDINGS, KINDS, AttackResult, AuditReport, attacks, audit
from rlvr_gym.envs.rows import read_rows
from rlvr_gym.verifiers import ConfigError


def run_audit(args: argparse.Namespace) -> int:
    """0 where no attack succeeds, else 1; a list of the attacks with `--list`."""
    if args.list:
        return _list(args.family or "any")
    if args.target is None:
        raise ConfigError("what is to be audited? Give an environment's id or a verifier's name, before any --attack")
    out = None if args.json is None else Path(args.json)
    if out is not None and not out.resolve().parent.is_dir():
        raise ConfigError(f"cannot write {args.json}: there is no folder {out.resolve().parent}")
    settings = specs.parse_settings(args.settings)
    target = args.target if "@" in args.target else specs.checked_env(args.target, settings)
    with progress_bar(target) as update:
        report = audit(
            target,
            settings=settings,
            references=_references(args.references),
            family=args.family,
            chance=args.chance,
            tasks=args.tasks,
            seed=args.seed,
            only=args.attack,
            skip=args.skip,
            progress=update,
        )
    _say(report)
    if out is not None:
        out.write_text(json.dumps(report.to_dict(), indent=1) + "\n", encoding="utf-8")
        say(f"wrote {out}")
    return 0 if report.ok else 1


def _references(path: str | None) -> list[dict[str, Any]] | None:
    return None if path is None else [row.values for row in read_rows(path)]


def _list(family: str) -> int:
    """Every attack of a family, kind by kind."""
    known = attacks(family)
    for kind, meaning in KINDS.items():
        found = [attack for attack in known if attack.kind == kind]
        if found:
            say(f"{kind}: {meaning}")
        for attack in found:
            say(f"  {attack.name}: {attack.tries}")
    return 0


def _say(report: AuditReport) -> None:
    """The head, a row for each kind, the findings one by one."""
    solved = "no right answer is known" if report.solved is None else f"right answers pass on {report.solved}"
    declared = ", ".join(report.carriers)
    say(f"{report.target}: {report.tasks} tasks, {solved}; answers are declared as {declared}")
    say(f"luck may pass {100 * report.chance:g} % of episodes: {report.chance_reason}")
    say()
    header = ["kind", "attacks", "episodes", "passed", "ungradable", "errors", "most paid", "findings"]
    say(table(header, [_row(kind, report) for kind in KINDS if any(r.kind == kind for r in report.results)]))
    for note in report.notes:
        warn(f"note: {note}")
    for name in report.caught:
        say()
        _say_finding([result for result in report.findings if result.attack == name])
    say()
    played = len({result.attack for result in report.results})
    say(f"{len(report.caught)} of {played} attacks succeed" if report.caught else f"none of {played} attacks succeeds")


def _row(kind: str, report: AuditReport) -> list[str]:
    results = [result for result in report.results if result.kind == kind]
    return [
        kind,
        str(len({result.attack for result in results})),
        str(sum(result.episodes for result in results)),
        str(sum(result.passed for result in results)),
        str(sum(result.ungradable for result in results)),
        str(sum(result.errors for result in results)),
        percent(max(result.mean_reward for result in results)),
        str(len({result.attack for result in results if result.findings})),
    ]


def _say_finding(results: Sequence[AttackResult]) -> None:
    """What one attack does, and its best example."""
    first = max(results, key=lambda result: (result.errors, result.ungradable, result.mean_reward))
    ways = list(dict.fromkeys(result.carrier for result in results if result.carrier))
    rewards = list(dict.fromkeys(result.reward for result in results if result.reward))
    names = list(dict.fromkeys(name for result in results for name in result.findings))
    say(f"{first.attack} ({first.kind}): " + "; ".join(FINDINGS[name] for name in names))
    where = [f"declared as {', '.join(ways)}" if ways else "", f"reward {', '.join(rewards)}" if rewards else ""]
    counts = f"{first.passed} of {first.episodes} passed, mean reward {first.mean_reward:.3f}, level {first.level:.3f}"
    say("  " + "; ".join(filter(None, [*where, counts])))
    example = first.example
    cut = f" ... ({example.length:,} characters)" if example.length > len(example.response) else ""
    say(f"  task {example.task}: {example.response!r}{cut}: {example.note or 'no reason given'}")
