"""The stored learning studies: the page quotes them, and what it says that they show is in the figures."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "learning"
PAGE = FOLDER / "README.md"


def studies() -> dict[str, dict[str, Any]]:
    files = sorted((FOLDER / "results").glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def of_arm(study: dict[str, Any], arm: str, key: str) -> list[float]:
    return [run[key] for run in study["runs"] if run["arm"] == arm]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def rows(name: str) -> list[str]:
    study = studies()[name]
    found = []
    for arm in study["recipes"]:
        trained = of_arm(study, arm, "trained")
        if trained:
            found.append(
                f"| {arm} | {len(trained)} | {mean(of_arm(study, arm, 'warm')):.2f} | {mean(trained):.2f} "
                f"({min(trained):.2f} to {max(trained):.2f}) | {mean(of_arm(study, arm, 'sampled_tokens')):,.0f} | "
                f"{mean(of_arm(study, arm, 'train_cpu_s')):.0f} |"
            )
    return found


def test_the_page_quotes_every_study() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in studies():
        assert [row for row in rows(name) if row not in page] == []
        assert (FOLDER / "results" / f"{name}.png").is_file()


@pytest.mark.parametrize("name", ["recipes", "recipes_of_turns"])
def test_recipes_beat_their_own_warm_start(name: str) -> None:
    study = studies()[name]
    for arm in study["recipes"]:
        trained = of_arm(study, arm, "trained")
        assert len(trained) >= 5, f"{arm} was not run with five seeds"
        assert mean(trained) > mean(of_arm(study, arm, "warm")), arm


def test_credit_by_anchors_learns_a_corridor_faster() -> None:
    study = studies()["corridor"]
    assert min(of_arm(study, "gigpo", "trained")) > 0.9
    assert mean(of_arm(study, "grpo", "trained")) < 0.6


def test_branches_learn_as_much_from_half_of_the_first_calls() -> None:
    study = studies()["branches"]
    assert abs(mean(of_arm(study, "arpo", "trained")) - mean(of_arm(study, "grpo", "trained"))) < 0.05
    groups = study["config"]["steps"] * study["config"]["prompts"]
    begun = {arm: mean(of_arm(study, arm, "sampled_first_turns")) / groups for arm in study["recipes"]}
    turns = {arm: mean(of_arm(study, arm, "sampled_turns")) / groups for arm in study["recipes"]}
    assert begun["grpo"] == 16
    page = PAGE.read_text(encoding="utf-8")
    for arm in ("arpo", "arpo, hard"):
        assert 8 <= begun[arm] < 9, "8 begin by themselves, and more only where one ended before it could branch"
        assert turns[arm] < 0.8 * turns["grpo"]
    for found in (begun, turns):
        assert f"{found['arpo']:.1f}" in page
        assert f"{found['grpo']:.1f}" in page


def test_refilling_gains_by_the_update_and_costs_episodes() -> None:
    study = studies()["refill"]
    assert mean(of_arm(study, "refilled", "trained")) > mean(of_arm(study, "grpo", "trained"))
    assert mean(of_arm(study, "refilled", "sampled_tokens")) > 2 * mean(of_arm(study, "grpo", "sampled_tokens"))


def test_unlearning_finds_what_grpo_does_not() -> None:
    study = studies()["two_modes"]
    assert max(of_arm(study, "grpo", "trained")) < 0.1
    assert sum(value > 0.5 for value in of_arm(study, "eepo", "trained")) >= 3


def test_what_was_found_once_is_kept_by_replay() -> None:
    study = studies()["password"]
    assert max(of_arm(study, "grpo", "trained")) < 0.05
    assert min(of_arm(study, "arpo-replay", "trained")) > 0.1


def test_likelihood_of_what_passed_narrows_the_policy() -> None:
    study = studies()["entropy"]
    last = {
        arm: [run["curves"]["entropy"][-1][1] for run in study["runs"] if run["arm"] == arm]
        for arm in ("grpo", "raft++")
    }
    assert mean(last["raft++"]) < mean(last["grpo"]) / 2


def test_the_studies_run_what_was_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """How each arm of the stored figures updates is how the arm in `studies.py` does, whatever the recipe is now."""
    pytest.importorskip("torch", reason="agents need the extra 'agents'")
    monkeypatch.syspath_prepend(str(FOLDER))
    ours = importlib.import_module("studies").STUDIES
    for name in ("studies", "tasks"):
        del sys.modules[name]  # names that are the folder's own
    pieces = ("ratio", "region", "clip_low", "clip_high", "dual_clip", "beta", "aggregation", "kl_coef", "kl_place")
    pieces += ("whiten", "shared", "entropy_coef", "updates", "minibatches", "from_base", "group_size")
    for name, study in studies().items():
        assert set(study["recipes"]) == set(ours[name].arms)
        for arm, stored in study["recipes"].items():
            now = ours[name].arms[arm].to_dict()
            assert {key: now[key] for key in pieces} == {key: stored[key] for key in pieces}, (name, arm)
            assert {key: now["filter"][key] for key in stored["filter"]} == stored["filter"], (name, arm)
