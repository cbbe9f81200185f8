"""Bad input to training and rollouts: each has a defined end, is said once, and is never a silent zero.

Elsewhere: verdicts that are none (`test_trainer`), environments that raise, hang or give nonsense in a rollout
(`test_play`, `test_lockstep`, `test_driver`), servers that refuse (`test_server_policy`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

import gymnasium as gym  # noqa: E402
from rlvr_gym.agents import (  # noqa: E402
    Completion,
    Episode,
    Play,
    Policy,
    Request,
    TrainConfig,
    Trainer,
    TrainingError,
    TransformersPolicy,
    Turn,
    build_preset,
    collect,
    recipes,
    rollout,
)
from rlvr_gym.agents.advantages import advantages, group_advantages, tied_groups  # noqa: E402
from rlvr_gym.agents.encoding import encode_conversation  # noqa: E402
from rlvr_gym.agents.experience import sound  # noqa: E402
from rlvr_gym.agents.imitation import demonstration  # noqa: E402
from rlvr_gym.agents.models import LanguageModel  # noqa: E402
from rlvr_gym.agents.notices import Notices, why_ungradable  # noqa: E402
from rlvr_gym.agents.strategies import Sample  # noqa: E402
from rlvr_gym.agents.tracking import read_json_lines  # noqa: E402
from rlvr_gym.envs.wrappers import Hint  # noqa: E402
from rlvr_gym.verifiers import ConfigError  # noqa: E402

from rlvr_gym.cli.train import _pass_rate, _say_result  # noqa: E402

ALPHABET = "0123456789+="
Paid = Callable[[str], Any]


class Pays(gym.Env[str, str]):
    """One turn, of which the reward is a function of the text; 1 passes."""

    def __init__(self, paid: Paid) -> None:
        self.paid = paid

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        return "1+1=", {"task_id": str(seed)}

    def step(self, action: str) -> tuple[str, Any, bool, bool, dict[str, Any]]:
        reward = self.paid(action)
        return "", reward, True, False, {"passed": reward == 1}


class Says(Policy):
    """The responses of a group, by their numbers, with ids and some log-probability of each."""

    def __init__(self, tokenizer: Any, texts: Sequence[str], finish_reason: str = "stop") -> None:
        self.tokenizer, self.texts, self.finish_reason = tokenizer, texts, finish_reason

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        return [self._say(request) for request in requests]

    def _say(self, request: Request) -> Completion:
        text = self.texts[request.index % len(self.texts)]
        end = (self.tokenizer.eos_token_id,) * (self.finish_reason == "stop")
        ids = (*self.tokenizer(text, add_special_tokens=False)["input_ids"], *end)
        prompt = encode_conversation(self.tokenizer, request.conversation, None, request.tools)
        return Completion(text, ids, (-2.0,) * len(ids), (1.0,) * len(ids), prompt, self.finish_reason)


def start() -> LanguageModel:
    return build_preset("nano", alphabet=ALPHABET)


def trainer(
    folder: Path, paid: Paid, texts: Sequence[str] = ("0", "1", "2", "3"), ended: str = "stop", **more: Any
) -> Trainer:
    """One prompt a step, of which the responses are known; no divergence, a large rate."""
    env = more.pop("env", Pays)
    pieces = {"group_size": len(texts), "kl_coef": 0.0, **more.pop("recipe", {})}
    recipe = recipes.get(more.pop("name", "grpo"), **pieces)
    settings = {"steps": 1, "prompts": 1, "max_new_tokens": 3, "learning_rate": 0.1, "warmup_steps": 1, **more}
    run = Trainer(lambda: env(paid), start(), recipe, TrainConfig(**settings), folder)
    run.policy = Says(run.lm.tokenizer, texts, ended)  # type: ignore[assignment]
    return run


def parameters(lm: LanguageModel) -> list[Any]:
    return [parameter.detach().clone() for parameter in lm.model.parameters()]


def moved(before: list[Any], lm: LanguageModel) -> bool:
    """Whether any parameter is another one; all must be numbers."""
    assert all(bool(torch.isfinite(each).all()) for each in lm.model.parameters())
    return any(not torch.equal(a, b) for a, b in zip(before, lm.model.parameters(), strict=True))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("rlvr_gym")]


# --- A model without a chat template ---------------------------------------------------------------------------------


def test_without_a_chat_template_contents_are_joined_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Told(Pays):
        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
            messages = [{"role": "system", "content": "1+2=3"}, {"role": "user", "content": "4+5="}]
            return "4+5=", {"messages": messages}

    run = trainer(tmp_path, lambda text: 1.0, ("3", "4"))
    run.envs = [Told(lambda text: float(text == "3")) for _ in run.envs]
    with caplog.at_level(logging.INFO, "rlvr_gym"):
        run.run()
        trainer(tmp_path / "other", lambda text: 1.0)
    [first, *_] = read_json_lines(tmp_path / "completions.jsonl")
    assert first["context"] == "1+2=34+5="
    assert warnings(caplog) == [
        "the tokenizer has no chat template: the contents of messages are joined as they are"
    ]  # of the second run, which is built here


# --- A tokenizer without EOS -----------------------------------------------------------------------------------------


def without(*names: str, of_model: bool = False) -> LanguageModel:
    lm = start()
    for name in names:
        setattr(lm.tokenizer, name, None)
    if of_model:
        lm.model.generation_config.eos_token_id = None
    return lm


def test_without_an_end_token_nothing_is_begun(tmp_path: Path) -> None:
    lm = without("eos_token", of_model=True)
    with pytest.raises(ConfigError, match=r"ever end: set tokenizer\.eos_token, or generation_config\.eos_token_id"):
        TransformersPolicy(lm, max_new_tokens=3)
    config = TrainConfig(steps=1, prompts=1)
    with pytest.raises(ConfigError, match="no end-of-sequence token, so no response could ever end"):
        Trainer(lambda: Pays(len), lm, recipes.get("grpo"), config, tmp_path / "run")
    assert not list((tmp_path / "run").glob("*.json"))
    assert not (tmp_path / "run" / "base").exists()
    # The folder is as it was: with a token that ends a response the run begins.
    Trainer(lambda: Pays(len), start(), recipes.get("grpo"), config, tmp_path / "run").run()


def test_the_end_token_of_the_model_will_do(tmp_path: Path) -> None:
    """Its generation settings name one, as those of a chat model do."""
    lm = without("eos_token")
    assert lm.model.generation_config.eos_token_id == 1
    run = Trainer(lambda: Pays(len), lm, recipes.get("grpo"), TrainConfig(steps=1, prompts=1), tmp_path)
    assert run.run()["ungradable"] == 0


def test_padding_is_the_end_token_or_must_be_named(tmp_path: Path) -> None:
    config, recipe = TrainConfig(steps=1, prompts=1, max_new_tokens=3), recipes.get("grpo")
    lm = without("pad_token")
    assert Trainer(lambda: Pays(len), lm, recipe, config, tmp_path / "a").run()["step"] == 1
    assert lm.tokenizer.pad_token_id == lm.tokenizer.eos_token_id == 1
    with pytest.raises(ConfigError, match=r"no token for padding: set tokenizer\.pad_token"):
        Trainer(lambda: Pays(len), without("pad_token", "eos_token"), recipe, config, tmp_path / "b")


def test_a_demonstration_needs_an_end_token() -> None:
    env = gym.make("rlvr_gym:rlvr/Arithmetic-v0", digits=1, style="compact")
    with pytest.raises(ConfigError, match=r"set tokenizer\.eos_token"):
        demonstration(env, without("eos_token").tokenizer, seed=0)


# --- Groups of one ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["grpo", "dr-grpo", "rloo", "dapo", "gspo", "gvpo", "qrpo", "gigpo", "tree-grpo"])
def test_a_recipe_that_compares_within_groups_refuses_groups_of_one(name: str) -> None:
    with pytest.raises(ConfigError, match="group_size must be at least 2: a group of one has no baseline; got 1"):
        recipes.get(name, group_size=1)


def test_what_is_left_of_a_group_alone_has_advantage_0(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One of two responses cannot be graded: the other has nothing to be compared with, and its own reward is none."""
    rewards, known = torch.tensor([[0.7, 9.0]]), torch.tensor([[True, False]])
    for scale in ("none", "group_std"):
        assert group_advantages(rewards, known, scale=scale).tolist() == [[0.0, 0.0]]
        assert group_advantages(rewards, known, baseline="leave_one_out", scale=scale).tolist() == [[0.0, 0.0]]
    assert tied_groups(rewards, known).tolist() == [True]
    run = trainer(tmp_path, {"0": 0.7, "1": math.nan}.__getitem__, ("0", "1"))
    before = parameters(run.lm)
    metrics = run.run()
    assert not moved(before, run.lm)
    assert (metrics["ungradable"], metrics["tied_groups"], metrics["grad_norm"]) == (1, 1.0, 0.0)
    assert metrics["reward_mean"] == 0.7
    assert len(warnings(caplog)) == 2  # the one that could not be graded, and that there is nothing to learn from


# --- All-equal rewards -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eps", [0.0, 1e-6])
@pytest.mark.parametrize("scale", ["none", "group_std", "batch_std", "max_abs"])
@pytest.mark.parametrize("baseline", ["mean", "leave_one_out"])
def test_equal_rewards_have_advantage_0_to_the_last_bit(baseline: str, scale: str, eps: float) -> None:
    """The sum of three 0.1 is 0.30000000000000004 in floating point, so their mean as computed is not 0.1."""
    assert (0.1 + 0.1 + 0.1) / 3 != 0.1
    rewards = torch.tensor([0.1, 0.1, 0.1], dtype=torch.float64)
    one, every = torch.zeros(3, dtype=torch.long), torch.ones(3, dtype=torch.bool)
    assert advantages(rewards, one, every, baseline=baseline, scale=scale, eps=eps).tolist() == [0.0, 0.0, 0.0]


def test_equal_rewards_change_nothing_and_are_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = trainer(tmp_path, lambda text: 0.1, ("0", "1", "2"), steps=5)
    before = parameters(run.lm)
    metrics = run.run()
    assert not moved(before, run.lm)
    assert (metrics["tied_groups"], metrics["grad_norm"], metrics["ungradable"]) == (1.0, 0.0, 0)
    assert warnings(caplog) == [
        "step 1: within each group all rewards are equal (mean 0.1), so advantages, loss and gradient are exactly 0. "
        "That is no fault of the program, but there is nothing to learn from: the task is too hard or too easy for "
        "this model, or the reward does not tell answers apart. The metric 'tied_groups' counts such groups (said once)"
    ]


def test_where_one_group_differs_nothing_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = trainer(tmp_path, lambda text: float(text == "0"))
    before = parameters(run.lm)
    assert run.run()["grad_norm"] > 0
    assert moved(before, run.lm)
    assert warnings(caplog) == []


# --- Rewards that are no numbers -------------------------------------------------------------------------------------


NO_NUMBERS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "too large to be squared": 1e300}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_a_reward_that_is_no_number_is_in_no_statistic(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of 1, x, 0, 0 without x: mean 1/3, pass rate 1/3, population deviation sqrt(2)/3."""
    rewards = {"0": 1.0, "1": NO_NUMBERS[name], "2": 0.0, "3": 0.0}
    run = trainer(tmp_path, rewards.__getitem__, steps=3)
    before = parameters(run.lm)
    seen: list[Mapping[str, float]] = []
    run.run(seen.append)
    assert moved(before, run.lm)  # by the other three
    for metrics in seen:
        assert (metrics["episodes"], metrics["ungradable"]) == (4, 1)
        assert metrics["reward_mean"] == metrics["pass_rate"] == pytest.approx(1 / 3)
        assert metrics["reward_std"] == pytest.approx(math.sqrt(2) / 3)
        assert 0 < metrics["grad_norm"] < math.inf
    [said] = warnings(caplog)
    assert said.startswith("step 1: 1 of 4 episodes could not be graded and are left out; the first: ")
    assert "finite number" in said
    assert repr(NO_NUMBERS[name]) in said
    lines = (tmp_path / "completions.jsonl").read_text().splitlines()
    rows = [json.loads(line, parse_constant=pytest.fail) for line in lines]  # NaN is no JSON
    assert [row["reward"] for row in rows[:4]] == [1.0, None, 0.0, 0.0]
    assert [(row["stop_reason"], bool(row["error"])) for row in rows[:2]] == [("answered", False), ("error", True)]
    assert "finite number" in rows[1]["error"]


def test_an_episode_ends_before_the_reward_that_is_none() -> None:
    said = Completion("x", (7,), (-0.5,))
    turns = tuple(Turn(said, reward, "") for reward in (1.0, math.nan, 1.0))
    [sample] = sound([Sample(Episode("t", turns, True, "answered", {}), 0)])
    assert (sample.episode.turns, sample.episode.passed, sample.episode.gradable) == (turns[:1], None, False)
    assert why_ungradable(sample.episode) == "the reward of turn 2 is nan; it must be a finite number below 1e+18"
    large = tuple(Turn(said, 6e17, "") for _ in range(2))  # 1.2e18 together
    [sample] = sound([Sample(Episode("t", large, True, "answered", {}), 0)])
    assert (len(sample.episode.turns), sample.episode.gradable) == (1, False)


@pytest.mark.parametrize("reward", [math.nan, math.inf, None, "x"])
def test_in_a_rollout_too_such_a_reward_ends_its_episode(reward: Any) -> None:
    rewards: dict[str, Any] = {"0": 1.0, "1": reward}
    policy, plays = Says(start().tokenizer, ("0", "1")), [Play(index=number) for number in range(2)]

    async def main() -> list[Episode]:
        finished = [done async for done in rollout(lambda: Pays(rewards.__getitem__), policy, plays)]
        return [done.episode for done in sorted(finished, key=lambda done: done.number)]

    for episodes in (collect([Pays(rewards.__getitem__)], policy, plays), asyncio.run(main())):
        assert [(each.passed, each.stop_reason, len(each.turns)) for each in episodes] == [
            (True, "answered", 1),
            (None, "error", 0),
        ]


def test_a_reward_that_cannot_be_read_as_a_number_is_no_zero(tmp_path: Path) -> None:
    metrics = trainer(tmp_path, {"0": 1.0, "1": None, "2": 0.0, "3": 0.0}.__getitem__).run()
    assert (metrics["ungradable"], metrics["reward_mean"]) == (1, pytest.approx(1 / 3))


def test_a_model_that_gives_no_numbers_ends_the_run_and_is_not_saved(tmp_path: Path) -> None:
    run = trainer(tmp_path, lambda text: float(text == "0"))
    with torch.no_grad():
        next(run.lm.model.parameters()).fill_(math.nan)
    with pytest.raises(TrainingError, match=r"step 1: the loss is nan\. .* lower learning rate"):
        run.run()
    assert not (tmp_path / "model").exists()
    assert not list(tmp_path.glob("checkpoints/step-*"))


@pytest.mark.parametrize("of", ["policy", "critic"])
def test_a_gradient_that_is_no_number_moves_nothing(of: str, tmp_path: Path) -> None:
    """The loss is a number, the gradient of one parameter is none."""
    run = trainer(tmp_path, lambda text: float(text == "0"), name="ppo" if of == "critic" else "grpo")
    trained = run.learner.trained
    module = trained.critic if of == "critic" else run.lm.model
    assert module is not None
    every = [*run.lm.model.parameters(), *(trained.critic.parameters() if trained.critic is not None else ())]
    before = [parameter.detach().clone() for parameter in every]
    next(module.parameters()).register_hook(lambda gradient: gradient * math.nan)
    with pytest.raises(TrainingError, match="step 1: the norm of the gradient is nan"):
        run.run()
    assert all(torch.equal(a, b) for a, b in zip(before, every, strict=True))
    assert trained.tensors()["optimizer"] == {}
    assert not (tmp_path / "model").exists()
    assert not list(tmp_path.glob("checkpoints/step-*"))


# --- Empty responses -------------------------------------------------------------------------------------------------


def test_an_empty_response_is_judged_and_learnt_from(tmp_path: Path) -> None:
    """It is one sampled token, the end, and what it earns is for the verifier to say."""
    run = trainer(tmp_path, lambda text: float(text == ""), ("", "1"))
    before = parameters(run.lm)
    metrics = run.run()
    assert moved(before, run.lm)
    assert (metrics["ungradable"], metrics["reward_mean"], metrics["response_tokens"]) == (0, 0.5, 1.5)
    env = gym.make("rlvr_gym:rlvr/Arithmetic-v0", digits=1, style="compact")
    [episode] = collect([env], Says(run.lm.tokenizer, ("",)), [Play(seed=0)])
    assert (episode.passed, episode.gradable, episode.reward) == (False, True, 0.0)
    assert episode.verdict["reason"]["text"]  # a failure with a reason


def test_a_completion_without_ids_cannot_be_learnt_from(tmp_path: Path) -> None:
    class Mute(Policy):
        def sample(self, requests: Sequence[Request]) -> list[Completion]:
            return [Completion("") for _ in requests]

    run = trainer(tmp_path, lambda text: 1.0)
    run.policy = Mute()  # type: ignore[assignment]
    with pytest.raises(ConfigError, match=r"needs the ids that were sampled .* 0 ids and 0 log-probabilities for ''"):
        run.run()
    [sample] = [Sample(Episode("t", (Turn(Completion("a", (1, 2), (-0.5,)), 0.0, ""),), True, "answered", {}), 0)]
    with pytest.raises(ConfigError, match="2 ids and 1 log-probabilities"):
        sound([sample])


# --- A response over the limit ---------------------------------------------------------------------------------------


def test_responses_over_the_limit_are_counted_and_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Any] = []

    def paid(text: str) -> float:
        heard.append(getattr(text, "finish_reason", None))
        return float(text == "000")

    metrics = trainer(tmp_path, paid, ("000", "111"), ended="length", steps=2).run()
    assert (metrics["cut_off"], metrics["ungradable"], metrics["reward_mean"]) == (1.0, 0, 0.5)
    assert heard == ["length"] * 4  # the environment is told
    assert [text for text in warnings(caplog) if "cut off" in text] == [
        "step 1: every response was cut off at max_new_tokens before it ended by itself. Raise that limit, or leave "
        "such responses out of the loss: filter.finished. The metric 'cut_off' is their share (said once)"
    ]


@pytest.mark.parametrize(("finished", "learns"), [(False, True), (True, False)])
def test_what_was_cut_off_can_be_left_out_of_the_loss(finished: bool, learns: bool, tmp_path: Path) -> None:
    recipe = {"filter": {"finished": finished}}
    run = trainer(tmp_path, lambda text: float(text == "000"), ("000", "111"), ended="length", recipe=recipe)
    before = parameters(run.lm)
    metrics = run.run()
    assert moved(before, run.lm) is learns
    assert metrics["reward_mean"] == 0.5  # it stays in all statistics


class PaysLater(Pays):
    """Four turns; the last one is paid."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        self.turn = 0
        return super().reset(seed=seed, options=options)

    def step(self, action: str) -> tuple[str, Any, bool, bool, dict[str, Any]]:
        self.turn += 1
        if self.turn < 4:
            return "=", 0.0, False, False, {}
        return super().step(action)


@pytest.mark.parametrize(("allowed", "shaped"), [(None, [1.0, -1.0]), (4, [1.0, -1.0]), (3, [1 - 3 / 4, -1 - 3 / 4])])
def test_the_limit_of_lengths_is_that_of_the_whole_episode(
    allowed: int | None, shaped: list[float], tmp_path: Path
) -> None:
    """DAPO with four responses of 5 tokens, each of at most 7: 20 of 28, where 23 are free.

    An environment that does not say how many turns it allows is taken to allow those that were played. Were it 3, 17 of
    21 would be free, and three quarters of the punishment due.
    """
    env = type("Env", (PaysLater,), {"max_turns": allowed})
    settings = {"name": "dapo", "recipe": {"filter": {}}, "max_new_tokens": 7, "env": env}
    trainer(tmp_path, lambda text: float(text == "0000"), ("0000", "1111"), **settings).run()
    rows = read_json_lines(tmp_path / "completions.jsonl")
    assert [(row["turns"], row["tokens"]) for row in rows] == [(4, 20)] * 2
    assert [row["reward"] for row in rows] == pytest.approx(shaped)


# --- Hints that cannot be given --------------------------------------------------------------------------------------


def test_where_no_hint_can_be_given_that_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A sum has no solution in words: GHPO is GRPO there."""
    recipe = recipes.get("ghpo", group_size=2)
    config = TrainConfig(steps=2, prompts=2, max_new_tokens=3, learning_rate=0.1)

    def make() -> gym.Env[str, str]:
        return Hint(gym.make("rlvr_gym:rlvr/Arithmetic-v0", digits=1, style="compact"), fraction=0.0)

    run = Trainer(make, start(), recipe, config, tmp_path)
    run.policy = Says(run.lm.tokenizer, ("+", "="))  # type: ignore[assignment]
    assert run.run()["hinted"] == 0.0
    [said, _tied] = warnings(caplog)
    assert said.startswith("step 1: 2 of 2 groups failed and were given no hint: of their tasks there is no solution")


def test_a_group_that_failed_with_its_hint_had_one(caplog: pytest.LogCaptureFixture) -> None:
    hinted = Episode("t", (), False, "answered", {}, hint=0.5, passed_with_hint=False)
    right, lost = Episode("t", (), True, "answered", {}), Episode("t", (), None, "error", {})
    notices = Notices()
    notices.hinted(1, [[hinted, hinted], [right, Episode("t", (), False, "answered", {})], [lost, lost]])
    assert warnings(caplog) == []


# --- An environment that fails ---------------------------------------------------------------------------------------


def down(text: str) -> float:
    raise OSError("no disk")


def test_where_some_episodes_fail_the_others_are_learnt_from(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def paid(text: str) -> float:
        return down(text) if text == "1" else float(text == "0")

    run = trainer(tmp_path, paid, steps=4)
    before = parameters(run.lm)
    metrics = run.run()
    assert moved(before, run.lm)
    assert (metrics["ungradable"], metrics["reward_mean"]) == (1, pytest.approx(1 / 3))
    assert warnings(caplog) == [
        "step 1: 1 of 4 episodes could not be graded and are left out; the first: OSError: no disk. The metric "
        "'ungradable' counts them (said once)"
    ]


def test_a_step_in_which_all_fail_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = trainer(tmp_path, down, steps=2)
    before = parameters(run.lm)
    run.run()
    for row in read_json_lines(tmp_path / "metrics.jsonl"):
        assert (row["episodes"], row["ungradable"], row["tied_groups"]) == (4, 4, 1.0)
        of_none = {"reward_mean", "reward_std", "pass_rate", "cut_off", "entropy", "response_tokens"}
        assert not {*of_none, "response_tokens_most"} & set(row)  # a mean over nothing is no 0
    assert not moved(before, run.lm)
    assert len(warnings(caplog)) == 2
    assert "step 1: no episode could be graded, so no update is made" in warnings(caplog)[1]


def test_means_over_nothing_are_shown_as_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Mapping[str, float]] = []
    lost = trainer(tmp_path / "lost", down).run(seen.append)
    assert [_pass_rate(metrics) for metrics in seen] == ["-"]
    _say_result(lost, tmp_path)
    rows = dict(line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:-1])
    assert rows == dict.fromkeys(["pass_rate", "reward_mean", "cut_off", "entropy"], "-") | {
        "tied_groups": "1.000",
        "ungradable": "4.000",
    }
    some = trainer(tmp_path / "some", lambda text: float(text == "0")).run(seen.append)
    assert _pass_rate(seen[1]) == "25.0 %"
    _say_result(some, tmp_path)
    rows = dict(line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:-1])
    assert (rows["pass_rate"], rows["reward_mean"], rows["ungradable"]) == ("0.250", "0.250", "0.000")


def test_three_such_steps_on_end_end_the_run_with_the_traceback(tmp_path: Path) -> None:
    message = r"(?s)of the last 3 steps no episode could be graded; .*in down\n.*OSError: no disk"
    with pytest.raises(TrainingError, match=message):
        trainer(tmp_path / "grpo", down, steps=9).run()
    assert len(read_json_lines(tmp_path / "grpo" / "metrics.jsonl")) == 2
    with pytest.raises(TrainingError, match=message):
        trainer(tmp_path / "ppo", down, name="ppo", steps=9).run()


def test_a_step_that_can_be_graded_begins_the_count_again() -> None:
    notices, lost = Notices(aloud=False), Episode("t", (), None, "deadline", {}, error="over its deadline of 1 s")
    right = Episode("t", (), True, "answered", {})
    for step, episodes in enumerate([[lost], [lost], [lost, right], [lost], [lost]]):
        notices.played(step, episodes)
    with pytest.raises(TrainingError, match="the last error was:\nover its deadline of 1 s"):
        notices.played(5, [lost])


@pytest.mark.parametrize("driver", ["collect", "rollout"])
def test_a_driver_says_once_that_episodes_fail(driver: str, caplog: pytest.LogCaptureFixture) -> None:
    plays = [Play(seed=number) for number in range(5)]
    policy = Says(start().tokenizer, ("1",))

    async def main() -> list[Episode]:
        return [done.episode async for done in rollout(lambda: Pays(down), policy, plays, max_inflight=1)]

    episodes = asyncio.run(main()) if driver == "rollout" else collect([Pays(down) for _ in range(2)], policy, plays)
    assert [(episode.stop_reason, episode.passed) for episode in episodes] == [("error", None)] * 5
    assert warnings(caplog) == [
        "play 0 could not be graded: OSError: no disk; the others go on (said once)",
    ]
