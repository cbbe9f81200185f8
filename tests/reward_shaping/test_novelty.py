"""Memories are values: they decay, merge where they can, survive a restart bit for bit, and hash alike everywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.reward_shaping import CountMemory, Memory, RndMemory, memory_from
from rlvr_gym.reward_shaping.novelty import stable_bytes
from rlvr_gym.verifiers import ConfigError

MEMORIES = (CountMemory(width=64), RndMemory(size=32))
TEXTS = st.lists(st.text("ab ", max_size=3), max_size=8)


@pytest.mark.parametrize("memory", MEMORIES, ids=["counts", "rnd"])
@given(texts=TEXTS, later=TEXTS, asked=st.text(max_size=4))
@settings(max_examples=30, deadline=None)
def test_a_saved_memory_goes_on_as_if_it_had_not_been_saved(
    memory: Memory, texts: list[str], later: list[str], asked: str
) -> None:
    seen = memory.learn(texts)
    again = memory_from(json.loads(json.dumps(seen.to_dict(), allow_nan=False)))
    assert again.to_dict() == seen.to_dict()
    assert again.learn(later).to_dict() == seen.learn(later).to_dict() == memory.learn(texts + later).to_dict()
    assert 0.0 <= seen.surprise(asked) <= 1.0
    assert memory.surprise(asked) == 1.0  # what it learned went into another value


@given(texts=st.lists(st.sampled_from("abcdef"), max_size=20), order=st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_counts_are_never_too_low_and_know_no_order(texts: list[str], order: Any) -> None:
    memory = CountMemory(width=4).learn(texts)
    assert all(memory.count(text) >= texts.count(text) for text in "abcdef")
    shuffled = list(texts)
    order.shuffle(shuffled)
    assert CountMemory(width=4).learn(shuffled) == memory


def test_the_count_bonus_by_hand() -> None:
    assert [CountMemory().learn("a" * n).surprise("a") for n in (0, 3, 8)] == [1.0, 0.5, pytest.approx(1 / 3)]


def test_the_error_of_a_constant_text_falls_by_the_rate_and_below_a_hundredth() -> None:
    # One step of least mean squares on features of length 1 leaves (1 - rate) of the error: 0.9^(2 n).
    memory = RndMemory()
    for n in range(1, 26):
        memory = memory.learn(["the same"])
        assert memory.surprise("the same") == pytest.approx(0.9 ** (2 * n))
    assert memory.surprise("the same") < 0.01
    assert CountMemory().learn(["the same"] * 10_000).surprise("the same") < 0.01


def test_similar_texts_are_known_together_by_rnd_and_apart_by_counts() -> None:
    texts = ["so the answer is 7"] * 50
    assert RndMemory().learn(texts).surprise("so the answer is 8") < 0.5
    assert CountMemory().learn(texts).surprise("so the answer is 8") == 1.0


def test_random_text_stays_new_which_is_why_the_bonus_has_a_cap() -> None:
    memory = RndMemory().learn([stable_bytes(str(n), 0, 8).hex() for n in range(20)])
    assert memory.surprise(stable_bytes("20", 0, 8).hex()) > 0.5


def test_another_process_has_the_same_hashes() -> None:
    script = "from rlvr_gym.reward_shaping import *; m = RndMemory(size=8).learn(['a b', 'c']); print(m.to_dict())"
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout.strip() == str(RndMemory(size=8).learn(["a b", "c"]).to_dict())


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"kind": "bloom"},
        {"kind": "counts", "version": 2},
        {"kind": "counts", "seed": -1},
        {"kind": "counts", "width": 4, "rows": [[0, 0]]},
        {"kind": "rnd", "rate": 0},
        {"kind": "rnd", "size": 2, "weights": [[1.0]]},
        {"kind": "rnd", "size": 1, "weights": [[float("nan")] * 16]},
        {"kind": "rnd", "depth": 3},
    ],
)
def test_what_is_no_memory_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        memory_from(data)
