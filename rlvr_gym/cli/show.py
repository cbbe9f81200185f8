"""`rlvr list`: what there is."""

from __future__ import annotations

import argparse
import importlib
import inspect
from dataclasses import asdict

from rlvr_gym.agents import recipes
from rlvr_gym.cli.console import say
from rlvr_gym.cli.specs import keywords
from rlvr_gym.registration import ENTRY_POINTS
from rlvr_gym.verifiers import make_verifier, verifier_names

_COMPOSITES = ("all_of@1", "any_of@1", "first@1", "gate@1", "weighted@1")


def run_list(args: argparse.Namespace) -> int:
    """Environments with their keywords and defaults, verifiers, recipes."""
    say("environments (rlvr bench ID key=value ..., gym.make('rlvr_gym:ID', key=value))")
    for env_id, entry_point in sorted(ENTRY_POINTS.items()):
        module, _, name = entry_point.partition(":")
        say(f"  {env_id}: {_first_line(getattr(importlib.import_module(module), name))}")
        shown = [f"{k}={p.default!r}" for k, p in keywords(env_id).items() if k not in ("render_mode", "reward")]
        say("    " + " ".join(shown))
    say()
    say("verifiers (rlvr verify NAME key=value ...)")
    for name in verifier_names():
        if name not in _COMPOSITES:
            say(f"  {name}: {_first_line(type(make_verifier(name)))}")
    say(f"  {', '.join(_COMPOSITES)}: verifiers made of verifiers")
    say()
    say("recipes (rlvr train --recipe NAME --set piece=value)")
    for name in recipes.names():
        pieces = asdict(recipes.get(name))
        say(f"  {name}: " + " ".join(f"{key}={value}" for key, value in pieces.items() if key != "name"))
    return 0


def _first_line(cls: type) -> str:
    return (inspect.getdoc(cls) or "").splitlines()[0].rstrip(".")
