"""`rlvr check`: whether an environment does what Gymnasium and `TextEnv` promise."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rlvr_gym.cli import specs
from rlvr_gym.cli.console import progress_bar, say, warn
from rlvr_gym.envs.check import check_text_env, checks
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.verifiers import ConfigError


def run_check(args: argparse.Namespace) -> int:
    """0 where no check fails, else 1; a list of the checks with `--list`."""
    if args.list:
        width = max(map(len, checks()))
        for name, sentence in checks().items():
            say(f"{name:<{width}}  {sentence}")
        return 0
    if args.env is None:
        raise ConfigError("which environment is to be checked? Give its id, before any --only and --skip")
    out = None if args.json is None else Path(args.json)
    if out is not None and not out.resolve().parent.is_dir():
        raise ConfigError(f"cannot write {args.json}: there is no folder {out.resolve().parent}")
    settings = specs.parse_settings(args.settings)
    full = specs.checked_env(args.env, settings)
    if (sample := sample_settings(full)) and not {"path", "hub"} & settings.keys():
        warn(f"note: {full} reads a file; none was given, so a small sample that comes along is read")
        settings = {**sample, **settings}
    env = specs.env_factory(full, settings)()
    with progress_bar(full) as update:
        report = check_text_env(
            env,
            only=args.only or None,
            skip=args.skip,
            seeds=args.seeds,
            tasks=args.tasks,
            turns=args.turns,
            raise_on_failure=False,
            progress=update,
        )
    say(str(report))
    if out is not None:
        out.write_text(json.dumps(report.to_dict(), indent=1) + "\n", encoding="utf-8")
        say(f"wrote {out}")
    return 0 if report.ok else 1
