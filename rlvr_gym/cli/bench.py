"""`rlvr bench`, `rlvr compare`, `rlvr rescore`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlvr_gym.agents import Policy
from rlvr_gym.benchmarks import BenchConfig, Summary, bench, compare, make_env, rescore
from rlvr_gym.benchmarks.curve import write_curve_csv
from rlvr_gym.benchmarks.folder import RunFolderError
from rlvr_gym.benchmarks.plots import SERIES, curve_png
from rlvr_gym.benchmarks.report import load_run, write_report
from rlvr_gym.benchmarks.runner import text_env
from rlvr_gym.cli import specs
from rlvr_gym.cli.console import comparison_table, counts_line, progress_bar, say, summary_table, warn
from rlvr_gym.envs import Task
from rlvr_gym.envs.rows import DataError, read_rows
from rlvr_gym.verifiers import ConfigError, MissingExtraError, make_verifier

if TYPE_CHECKING:
    from rlvr_gym.agents.server_policy import ServerPolicy


def run_bench(args: argparse.Namespace) -> int:
    """Run the benchmark; one run, or one a value of `--by`."""
    kwargs = specs.parse_settings(args.settings)
    env_id = specs.checked_env(args.env, kwargs)
    spec = specs.PolicySpec.parse(args.policy)
    out = Path(args.out)
    if args.by is None:
        folders = [out]
        parts: list[dict[str, Any]] = [{}]
    else:
        if spec.kind != "replay":
            raise ConfigError("--by splits recorded responses: it goes with --policy replay:FILE")
        values = _values(spec.rest, args.by)
        _check_parent(out)
        folders = [out / _folder_name(value) for value in values]
        parts = [{args.by: value} for value in values]
    if args.label is not None and spec.kind != "replay":
        raise ConfigError("--label names a column of recorded responses: it goes with --policy replay:FILE")
    summaries = []
    with _served(spec, args) as served:
        for folder, where in zip(folders, parts, strict=True):
            config = BenchConfig(
                env=env_id,
                env_kwargs=kwargs,
                policy=_policy_identity(spec, args, where, served),
                n=args.n,
                ks=specs.parse_ks(args.k),
                tasks=args.tasks,
                seed=args.seed,
                width=args.width,
            )
            with progress_bar(folder.name) as update:
                summaries.append(bench(config, served or _policy(spec, args, where, config), folder, update))
    return finish(out, folders, summaries, title=f"{env_id}, {spec.kind} policy")


def run_compare(args: argparse.Namespace) -> int:
    """Compare two run folders."""
    out = Path(args.out)
    comparison, summaries = compare(args.base, args.other, out)
    say(comparison_table(comparison))
    say()
    say(comparison.sentence)
    support = comparison.support
    say(
        f"{comparison.tasks} tasks paired, {comparison.left_out} left out; solved in n >= {comparison.n} samples: "
        f"both {support.both}, only {comparison.base} {support.only_base}, "
        f"only {comparison.other} {support.only_other}, neither {support.neither}"
    )
    page = write_report(
        out,
        [load_run(args.base), load_run(args.other)],
        comparison,
        title=f"{comparison.base} and {comparison.other} on {summaries[0].env}",
    )
    _draw(out, summaries)
    say(f"wrote {page}")
    return 0


def run_rescore(args: argparse.Namespace) -> int:
    """Judge stored responses again."""
    verifier = make_verifier(args.verifier, **specs.parse_settings(args.settings)) if args.verifier else None
    if args.settings and verifier is None:
        raise ConfigError("settings belong to a verifier: name it with --verifier")
    summary = rescore(args.run, args.out, verifier)
    return finish(Path(args.out), [Path(args.out)], [summary], title=f"{summary.env}, scored again")


def finish(out: Path, folders: Sequence[Path], summaries: Sequence[Summary], *, title: str) -> int:
    """Print the tables, write the report and the picture; 1 where some run has no curve."""
    say(summary_table(summaries))
    say()
    for summary in summaries:
        say(counts_line(summary))
        if summary.note:
            warn(f"note: {summary.run}: {summary.note}")
    if len(folders) > 1:
        write_curve_csv(out / "curve.csv", summaries)
    page = write_report(out, [load_run(folder) for folder in folders], title=title)
    _draw(out, summaries)
    say(f"wrote {page}")
    return 0 if all(summary.curve for summary in summaries) else 1


def _draw(out: Path, summaries: Sequence[Summary]) -> None:
    try:
        curve_png(out / "curve.png", summaries)
    except MissingExtraError as error:
        warn(f"note: no curve.png: {error}")


def _served(spec: specs.PolicySpec, args: argparse.Namespace) -> AbstractContextManager[ServerPolicy | None]:
    """The policy behind a server, which is asked for its name before the run has a configuration; None for others."""
    if spec.kind != "server":
        return nullcontext()
    return closing(specs.server(spec.rest, max_new_tokens=args.max_new_tokens, temperature=args.temperature))


def _policy_identity(
    spec: specs.PolicySpec, args: argparse.Namespace, where: dict[str, Any], served: ServerPolicy | None
) -> dict[str, Any]:
    if served is not None:
        return {"name": spec.kind, **served.identity()}
    identity: dict[str, Any] = {"name": spec.kind, spec.kind: spec.rest, **where}
    if spec.kind == "model":
        identity |= {"temperature": args.temperature, "max_new_tokens": args.max_new_tokens}
    if digest := specs.content_digest(Path(spec.rest)):
        identity["digest"] = digest
    return identity


def _policy(
    spec: specs.PolicySpec, args: argparse.Namespace, where: dict[str, Any], config: BenchConfig
) -> Policy | Callable[[Sequence[Task]], Policy]:
    if spec.kind == "scripted":
        return specs.scripted(spec.rest, text_env(make_env(config.env, config.env_kwargs)))
    if spec.kind == "replay":
        return specs.replay(spec.rest, make_env(config.env, config.env_kwargs), args.label, where)
    return specs.model(
        spec.rest,
        make_env(config.env, config.env_kwargs),
        max_new_tokens=args.max_new_tokens,
        temperature=args.temperature,
    )


def _values(path: str, column: str) -> list[Any]:
    rows = read_rows(path)
    for row in rows:
        if column not in row.values:
            raise DataError(f"{path}, row {row.number}: no column {column!r}; the row has {', '.join(row.values)}")
        if not isinstance(row.values[column], str | int | float):
            raise DataError(f"{path}, row {row.number}: --by needs a text or a number, got {row.values[column]!r:.60}")
    values = list(dict.fromkeys(row.values[column] for row in rows))
    if len(values) > len(SERIES):
        raise ConfigError(
            f"{path}: {column!r} has {len(values)} values, a report shows {len(SERIES)} runs at most: split the file"
        )
    taken: dict[str, Any] = {}
    for value in values:
        if (other := taken.setdefault(_folder_name(value), value)) != value:
            raise ConfigError(f"{path}: {other!r} and {value!r} in {column!r} would share one folder: rename one")
    return values


def _folder_name(value: Any) -> str:
    safe = "".join(char if char.isalnum() or char in "-_." else "_" for char in str(value))
    return "_" + safe[1:] if safe[:1] in ("", ".") else safe


def _check_parent(out: Path) -> None:
    """Refuse a folder whose report and curves are another's: of one run, or of the user."""
    entries = list(out.iterdir()) if out.is_dir() else []
    files = {entry.name for entry in entries if not entry.is_dir()}
    runs = [entry for entry in entries if (entry / "config.json").is_file()]
    if files - {"curve.csv", "curve.png", "report.html"} or (files and not runs):
        raise RunFolderError(f"{out} is not empty and does not hold runs of --by; choose another with --out")
