"""`rlvr calibrate`: the levels of an environment, measured."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rlvr_gym.benchmarks.calibrate import SLIP, calibrate
from rlvr_gym.benchmarks.runner import make_env
from rlvr_gym.cli import specs
from rlvr_gym.cli.console import percent, progress_bar, say, table
from rlvr_gym.verifiers import ConfigError


def run_calibrate(args: argparse.Namespace) -> int:
    """Measure, print, and write what was found; 1 where a level is easier than one before it."""
    settings = specs.parse_settings(args.settings)
    env_id = specs.checked_env(args.env, settings)
    policy, slip = None, SLIP
    kind, _, rest = args.policy.partition(":")
    if kind == "slips":
        try:
            slip = float(rest or SLIP)
        except ValueError as error:
            raise ConfigError(f"expected slips:P with P between 0 and 1, got {args.policy!r}") from error
    elif kind == "model":
        env = make_env(env_id, settings)
        policy = specs.model(rest, env, max_new_tokens=args.max_new_tokens, temperature=args.temperature)
    else:
        raise ConfigError(f"--policy is slips:P or model:FOLDER, got {args.policy!r}")
    with progress_bar("levels") as update:
        found = calibrate(
            env_id,
            policy=policy,
            name=args.policy if policy is not None else "",
            slip=slip,
            settings=settings,
            episodes=args.episodes,
            seed=args.seed,
            progress=update,
        )
    rows = [
        [
            str(number),
            ", ".join(f"{key}={value}" for key, value in level.knobs.items()),
            percent(level.rate),
            f"{percent(level.interval.low)} to {percent(level.interval.high)}",
            percent(fitted),
        ]
        for number, (level, fitted) in enumerate(zip(found.levels, found.fitted, strict=True))
    ]
    say(table(("level", "knobs", "passed", "95 %", "fitted"), rows))
    said = (
        "no level is easier than one before it" if found.monotone else "NOT monotone: a level is easier than one before"
    )
    say(f"{env_id}, {found.policy}, {args.episodes} episodes a level: {said}")
    if args.out:
        Path(args.out).write_text(json.dumps(found.to_dict(), indent=1) + "\n", encoding="utf-8")
        say(f"wrote {args.out}")
    return 0 if found.monotone else 1
