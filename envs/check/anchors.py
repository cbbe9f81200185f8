"""Checks of anchors, by which learners group the steps of different episodes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from rlvr_gym.envs.check.play import Env, plain
from rlvr_gym.envs.check.report import Check, NotApplicable
from rlvr_gym.envs.check.subject import UNSURE, Subject, played_in
from rlvr_gym.envs.task import content_hash
from rlvr_gym.envs.text_env import Info

FORM = re.compile(r"[0-9a-f]{16}")


def anchor_form(subject: Subject) -> str | None:
    """Anchors are hashes, and none of them is one of the gold alone."""
    for seed in subject.seeds:
        env = subject.fresh()
        anchors = [_anchor(info) for info in _infos(env, seed, subject.script(seed))]
        bad = [anchor for anchor in anchors if not isinstance(anchor, str) or not FORM.fullmatch(anchor)]
        if bad:
            return f"{bad[0]!r} is not 16 hexadecimal digits"
        if revealing := _hashes(played_in(env).task.private).intersection(anchors):
            return f"{revealing.pop()!r} is a hash of the gold alone"
    return None


def anchor_state(subject: Subject) -> str | None:
    """The base environment's anchors are equal exactly where its task and its `anchor_state` are."""
    known: dict[str, Any] = {}
    env = subject.fresh().unwrapped
    for seed in subject.seeds:
        for answers in (subject.script(seed), [UNSURE] * subject.turns):
            for info in _infos(env, seed, answers):
                base = played_in(env)
                state = json.dumps([base.task.id, plain(base.anchor_state())], sort_keys=True)
                if known.setdefault(state, _anchor(info)) != info["anchor"]:
                    return f"one state has the anchors {known[state]!r} and {info['anchor']!r}"
    return None if len(set(known.values())) == len(known) else "two states have the same anchor"


def _infos(env: Env, seed: int, answers: Sequence[str]) -> Iterator[Info]:
    """The infos of an episode, each in the moment that it speaks of."""
    yield env.reset(seed=seed)[1]
    for answer in answers:
        _, _, terminated, truncated, info = env.step(answer)
        yield info
        if terminated or truncated:
            break


def _anchor(info: Info) -> Any:
    if "anchor" not in info:
        raise NotApplicable("needs info['anchor']")
    return info["anchor"]


def _hashes(private: Any) -> set[str]:
    """What a gold looks like where somebody hashed it and nothing else."""
    golds = [private, *private.values()]
    texts = [gold if isinstance(gold, str) else json.dumps(plain(gold)) for gold in golds]
    data = [text.encode("utf-8", "replace") for text in texts]
    digests = [hashlib.new(name, each).hexdigest()[:16] for each in data for name in ("md5", "sha1", "sha256")]
    return {*digests, *(content_hash(plain(gold)) for gold in golds)}


CHECKS = (
    Check(
        "anchor_form",
        "info['anchor'] is 16 hexadecimal digits, and no hash of the gold alone, which anybody could try out.",
        "Leave the anchor to TextEnv: it hashes the prompt as well.",
        anchor_form,
    ),
    Check(
        "anchor_state",
        "Two moments of a TextEnv have one anchor exactly where they have one task and one anchor_state().",
        "Override anchor_state() rather than the anchor, and keep turn counters and random numbers out of it.",
        anchor_state,
        ("same_seed", "anchor_form"),
    ),
)
