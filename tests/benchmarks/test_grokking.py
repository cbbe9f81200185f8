"""The experiment of `rlvr grok`: what the base is taught, what is measured, and that a folder is continued."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")
pytest.importorskip("matplotlib", reason="the figure needs the extra 'plots'")

from rlvr_gym.agents import Completion, Policy  # noqa: E402
from rlvr_gym.agents.models import char_tokenizer  # noqa: E402
from rlvr_gym.agents.tracking import read_json_lines  # noqa: E402
from rlvr_gym.benchmarks.grokking import ARMS, Plan, draw, make_base, problems, rows, summary, support  # noqa: E402
from rlvr_gym.benchmarks.grokking.base import Lesson, leads_back, lessons, looking, slipped, wanted  # noqa: E402
from rlvr_gym.benchmarks.grokking.plan import ALPHABET  # noqa: E402
from rlvr_gym.benchmarks.grokking.report import turn  # noqa: E402
from rlvr_gym.envs.manufactoria import exactly_solves  # noqa: E402
from rlvr_gym.reward_shaping import make_reward  # noqa: E402
from rlvr_gym.reward_shaping.schedules import make_schedule  # noqa: E402
from rlvr_gym.verifiers import ConfigError  # noqa: E402
from rlvr_gym.verifiers.manufactoria import parse_compact  # noqa: E402

from rlvr_gym.cli import main as rlvr  # noqa: E402

TINY = Plan(seeds=(3,), steps=2, prompts=2, group=2, imitation=2, samples=1, pooled=82, eval_every=2)


class Saying(Policy):
    """Answers each prompt with a function of it."""

    def __init__(self, say: Any) -> None:
        self.say = say

    def sample(self, requests: Any) -> list[Completion]:
        texts = [self.say(request.conversation[-1]["content"]) for request in requests]
        return [Completion(text, (1,), (0.0,)) for text in texts]


def test_lessons_are_chains_that_solve_no_target() -> None:
    taught = lessons(0)
    assert len(taught) > 300
    assert {lesson.prompt[0] for lesson in taught} == {"s", "x", "a"}
    assert not any(leads_back(lesson.program) for lesson in taught)
    targets = [*problems(TINY, "train"), *problems(TINY, "test")]
    assert len(targets) == 2**4
    verifier = TINY.target("all").verifier
    programs = {lesson.program for lesson in taught}
    assert not any(verifier.verify(program, task.reference).passed for program in programs for task in targets)
    assert all(leads_back(str(task.solution)) for task in targets)


def test_sides_of_the_split_share_no_problem() -> None:
    train, test = ({task.prompt for task in problems(TINY, split)} for split in ("train", "test"))
    assert train
    assert test
    assert not train & test


def test_wrong_targets_are_wanted_a_little_and_nothing_else_is() -> None:
    """By hand: of a chain of two nodes a target is 0, 1, ! or -; three of them are wrong."""
    tokenizer = char_tokenizer(ALPHABET)
    ids_NT, wanted_NTV = wanted([Lesson("sR:", "P1--;P!--;"), Lesson("aR:", "R!;")], tokenizer, 0.01)
    number = {letter: tokenizer(letter)["input_ids"][0] for letter in ALPHABET}
    assert tokenizer.decode(ids_NT[0]) == "sR:P1--;P!--;<eos>"
    after_kind = wanted_NTV[0, 3]
    assert {letter: round(float(after_kind[at]), 6) for letter, at in number.items() if after_kind[at] > 0} == {
        "0": 0.01,
        "1": 0.97,
        "!": 0.01,
        "-": 0.01,
    }
    assert float(wanted_NTV[0, 2, number["P"]]) == 1.0
    assert float(wanted_NTV[1, 5, tokenizer.eos_token_id]) == 1.0
    sums = wanted_NTV.sum(dim=-1)
    assert [int((row > 0).sum()) for row in sums] == [11, 4]
    assert torch.allclose(sums[sums > 0], torch.ones(15))


def test_the_tag_of_the_targets_is_that_of_chains() -> None:
    lm = make_base(Plan(imitation=1), 0)
    weights = lm.model.get_input_embeddings().weight
    start, target = (lm.tokenizer(letter)["input_ids"][0] for letter in "so")
    assert torch.equal(weights[start], weights[target])


def test_support_counts_what_passes_what_is_right_and_what_is_not() -> None:
    tasks = problems(TINY, "train")[:3]
    solutions = {task.prompt: str(task.solution) for task in tasks}
    solves = support(TINY, Saying(solutions.__getitem__), tasks, 2, 0)
    assert (solves.samples, solves.passed, solves.exact, solves.solved, solves.dense) == (6, 6, 6, 3, 1.0)
    accepts = support(TINY, Saying(lambda prompt: "!"), tasks, 2, 0)
    assert (accepts.passed, accepts.solved, accepts.dense, accepts.programs) == (0, 0, 0.0, 1)
    assert accepts.at_most == pytest.approx(0.3930, abs=1e-4)  # 0.6070 ** 6 = 0.05
    assert not exactly_solves(tasks[0], "!", surface="compact")


def test_arms_are_rewards_and_schedules() -> None:
    for arm in ARMS.values():
        make_reward(arm.reward)
        assert arm.schedule is None or make_schedule(arm.schedule).stages[-1].name == "binary"


def test_the_turn_of_a_run_is_read_from_its_metrics() -> None:
    rates = (0.0, 0.0, 0.02, 0.3, 0.5, 0.92)
    rows = [{"step": n, "pass_rate": rate, "schedule_stage": float(n > 3)} for n, rate in enumerate(rates, start=1)]
    assert turn(rows) == {"switch": 4, "first": 3, "tenth": 4, "nine_tenths": 6}
    assert turn(rows[:2]) == dict.fromkeys(("switch", "first", "tenth", "nine_tenths"))


def test_an_experiment_is_run_continued_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "--seeds 3 --steps 2 --prompts 2 --group 2 --imitation 2 --samples 1 --pooled 82 --jobs 1".split()
    command = ["grok", *words, "--out", str(tmp_path / "run")]
    assert rlvr([*command, "--arms", "two_stage"]) == 0
    kept = (tmp_path / "run" / "seed-3" / "two_stage" / "metrics.jsonl").read_bytes()
    base = json.loads((tmp_path / "run" / "seed-3" / "base" / "support.json").read_text())
    assert base["taught"]["that_lead_back"] == base["taught"]["that_solve_a_target"] == 0
    assert base["each"]["samples"] == 16
    assert base["pooled"]["samples"] >= 82
    assert rlvr([*command, "--arms", "binary"]) == 0
    assert (tmp_path / "run" / "seed-3" / "two_stage" / "metrics.jsonl").read_bytes() == kept
    found = summary(tmp_path / "run")
    assert [(run["arm"], run["seed"]) for run in found["runs"]] == [("two_stage", 3), ("binary", 3)]
    assert len(read_json_lines(tmp_path / "run" / "seed-3" / "binary" / "metrics.jsonl")) == 2
    assert [line[:8] for line in rows(found) if line.startswith(("| two", "| bin"))] == ["| two_st", "| binary"]
    draw(found, tmp_path / "one.png")
    draw(found, tmp_path / "two.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert rlvr(["grok", "--plot", "--out", str(tmp_path / "run")]) == 0
    assert "two_stage" in capsys.readouterr().out
    assert rlvr([*command, "--steps", "3"]) == 2
    assert "steps: 2 there, 3 now" in capsys.readouterr().err


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no arm 'sparse'"):
        Plan(arms=("sparse",))
    with pytest.raises(ConfigError, match="length must be"):
        Plan(length=(5, 4))
    with pytest.raises(ConfigError, match="run `rlvr grok"):
        summary(tmp_path)


def test_the_page_quotes_the_stored_runs() -> None:
    root = Path(__file__).resolve().parents[2]
    page = (root / "docs" / "experiments" / "grokking.md").read_text(encoding="utf-8")
    told = rows(summary(root / "benchmarks" / "studies" / "grokking"))
    assert len(told) > 6
    assert "\n".join(told) in page


def test_slips_are_read_where_something_else_could_stand_and_nowhere_else() -> None:
    tokenizer = char_tokenizer(ALPHABET)
    ids_NT, wanted_NTV = wanted([Lesson("sR:", "P1--;P!--;")] * 400, tokenizer, 0.01)
    read_NT = slipped(ids_NT, wanted_NTV, 0.5, torch.Generator().manual_seed(0))
    changed = (read_NT != ids_NT).float().mean(dim=0)
    assert [place for place, share in enumerate(changed.tolist()) if share] == [4, 5, 6, 9, 10, 11]
    assert all(
        0.3 < share < 0.45 for share in changed.tolist() if share
    )  # half are drawn anew, a quarter of them alike
    assert torch.equal(slipped(ids_NT, wanted_NTV, 0.0, torch.Generator()), ids_NT)


def test_a_program_that_names_first_what_it_looks_for_is_the_same_program() -> None:
    for program in ("P1--;P-!-;", "P01-;P12-;P23-;P3!-;", "R1;P!0-;"):
        assert parse_compact(looking(program)).nodes == parse_compact(program).nodes
    assert looking("P01-;P12-;P!2-;") == "p10-;p21-;P!2-;"
