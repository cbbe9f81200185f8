"""`rlvr list`: what there is."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown

from rlvr_gym.agents import recipes
from rlvr_gym.cli.console import say, warn
from rlvr_gym.cli.specs import checked_env
from rlvr_gym.envs.card_pages import page, write_pages
from rlvr_gym.envs.cards import card_of
from rlvr_gym.envs.knobs import keywords
from rlvr_gym.registration import ENTRY_POINTS, env_ids
from rlvr_gym.verifiers import ConfigError, UnknownNameError, make_verifier, verifier_names

_COMPOSITES = ("all_of@1", "any_of@1", "first@1", "gate@1", "weighted@1")


def run_list(args: argparse.Namespace) -> int:
    """Environments with their keywords and defaults, verifiers, recipes; or cards.

    Raises:
        ConfigError: `--out` without `--cards`.
    """
    if args.cards is not None:
        _show_cards(args.cards, args.out)
        return 0
    if args.out is not None:
        raise ConfigError("--out is for pages of cards: add --cards")
    say("environments (rlvr bench ID key=value ..., gym.make('rlvr_gym:ID', key=value); more with --cards ID)")
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
    say("recipes (rlvr train --recipe NAME --set piece=value); what differs from the first line is shown")
    plain = recipes.Recipe("").to_dict()
    say("  " + _pieces(plain))
    for name in recipes.names():
        pieces = recipes.get(name).to_dict()
        say(f"  {name}: " + _pieces({key: value for key, value in pieces.items() if value != plain[key]}))
    return 0


def _pieces(settings: Mapping[str, Any]) -> str:
    """Settings as `--set` takes them."""
    return " ".join(f"{key}={json.dumps(value)}" for key, value in settings.items() if key != "name")


def _show_cards(names: Sequence[str], out: str | None) -> None:
    """Print cards, as Markdown where nobody watches, or write them."""
    wanted = [checked_env(name, {}) for name in names] or env_ids()
    for env_id in wanted:
        if env_id not in ENTRY_POINTS:
            raise UnknownNameError("environment", env_id, ENTRY_POINTS)
    if out is not None:
        for path in write_pages(Path(out), wanted):
            warn(f"wrote {path}")
        return
    for env_id in wanted:
        text = page(card_of(env_id))
        if sys.stdout.isatty():
            Console().print(Markdown(text))
        else:
            say(text)


def _first_line(cls: type) -> str:
    return (inspect.getdoc(cls) or "").splitlines()[0].rstrip(".")
