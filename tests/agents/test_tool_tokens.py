"""What a tool says is never learnt: gradients planted in its tokens, through the trainer's own loss.

A small untrained model plays ToolMath; what it writes is noise, of which some is calls. In every forward pass of the
update a tensor of zeros is added to the logits: its gradient is what the loss asks of each logit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

from rlvr_gym.agents import TrainConfig, Trainer, build_preset, collect, recipes  # noqa: E402
from rlvr_gym.agents.batch import Batch, Row, make_batch  # noqa: E402
from rlvr_gym.agents.episode import Episode  # noqa: E402
from rlvr_gym.agents.models import LanguageModel  # noqa: E402
from rlvr_gym.agents.reference import Reference  # noqa: E402
from rlvr_gym.agents.strategies import Sample  # noqa: E402
from rlvr_gym.envs.tool_math import ToolMathEnv  # noqa: E402
from torch import Tensor  # noqa: E402

PROMPTS, GROUP = 32, 4


def start() -> LanguageModel:
    return build_preset("nano", alphabet="0123456789+:?")


def make_env() -> ToolMathEnv:
    return ToolMathEnv(steps=1, digits=1, operators="+", style="compact", max_turns=3)


def trainer(folder: Path, train: dict[str, Any] | None = None, **pieces: Any) -> Trainer:
    recipe = recipes.get("grpo", **{"group_size": GROUP, "kl_coef": 0.0, **pieces})
    config = TrainConfig(steps=1, prompts=PROMPTS, max_new_tokens=2, learning_rate=1e-2, **(train or {}))
    return Trainer(make_env, start, recipe, config, folder)


@pytest.fixture(scope="module")
def episodes(tmp_path_factory: pytest.TempPathFactory) -> list[Episode]:
    """A step's episodes; rewards are handed out in turn, so that every group has a signal."""
    run = trainer(tmp_path_factory.mktemp("play"))
    plays = [run._prompt(1, prompt).play(member) for prompt in range(PROMPTS) for member in range(GROUP)]
    played = collect(run.envs, run.policy, plays)
    paid = [
        replace(episode, turns=(*episode.turns[:-1], replace(episode.turns[-1], reward=float(place % 2))))
        for place, episode in enumerate(played)
    ]
    called = [episode.turns[0].completion.text for episode in paid if len(episode.turns) > 1]
    assert len(called) >= 5  # in these the environment spoke again: faults,
    assert any(text[0].isdigit() for text in called)  # and at least one result
    return paid


def samples(episodes: Sequence[Episode]) -> list[Sample]:
    return [Sample(episode, place // GROUP) for place, episode in enumerate(episodes)]


def who_wrote(episode: Episode) -> str:
    """One letter a token of the episode, told from the turns alone: p for the prompt, a for actions, t for tools."""
    letters = "p" * len(episode.turns[0].completion.prompt_ids)
    for turn in episode.turns:
        letters += "t" * (len(turn.completion.prompt_ids) - len(letters))
        letters += "a" * len(turn.completion.token_ids)
    return letters


@contextmanager
def planted(model: Any) -> Iterator[list[Tensor]]:
    """Adds a tensor of zeros to the last hidden states of every forward pass that is learnt from; they are collected.

    From there on only the head follows, which sees each place by itself.
    """
    plants: list[Tensor] = []

    def plant(module: Any, args: Any, states: Tensor) -> Tensor | None:
        if not states.requires_grad:
            return None
        plants.append(torch.zeros_like(states, requires_grad=True))
        return states + plants[-1]

    handle = model.model.norm.register_forward_hook(plant)
    yield plants
    handle.remove()


def asked(plants: Sequence[Tensor], episodes: Sequence[Episode]) -> dict[str, list[float]]:
    """By letter: the largest gradient of the states that predict each token. Padding is `.`."""
    found: dict[str, list[float]] = {"p": [], "t": [], "a": [], ".": []}
    rows = [row for plant in plants for row in plant.grad.abs().amax(dim=-1)]  # type: ignore[union-attr]
    for row, letters in zip(rows, sorted(map(who_wrote, episodes), key=len), strict=True):  # as the learner does
        for place, value in enumerate(row.tolist(), start=1):  # the state at a place predicts the next token
            found[letters[place] if place < len(letters) else "."].append(value)
    return found


def other_reference(run: Trainer) -> None:
    """Another model as the reference, or there would be no divergence at the first step."""
    run.learner.reference = Reference(run.lm, None, lambda: build_preset("nano", seed=1, alphabet="0123456789+:?"))


@pytest.mark.parametrize(
    ("train", "pieces"),
    [
        ({}, {}),
        ({}, {"aggregation": "token_mean", "channels": [{"scale": "none"}]}),
        ({}, {"aggregation": "seq_mean_token_sum_norm"}),
        ({"micro_batch": 7}, {"aggregation": "token_sum"}),
        ({}, {"kl_coef": 0.5}),
    ],
)
def test_no_gradient_reaches_what_the_policy_did_not_say(
    train: dict[str, Any], pieces: dict[str, Any], episodes: list[Episode], tmp_path: Path
) -> None:
    run = trainer(tmp_path, train, **pieces)
    other_reference(run)
    with planted(run.lm.model) as plants:
        metrics = run.learner.learn(1, samples(episodes))
    gradients = asked(plants, episodes)
    assert len(gradients["t"]) > 30
    assert set(gradients["p"] + gradients["t"] + gradients["."]) == {0.0}
    assert min(gradients["a"]) > 0
    assert len(gradients["a"]) == sum(len(turn.completion.token_ids) for e in episodes for turn in e.turns)
    assert metrics["grad_norm"] > 0


def test_nor_does_that_of_the_divergence_alone(episodes: list[Episode], tmp_path: Path) -> None:
    run = trainer(tmp_path, kl_coef=0.5)
    other_reference(run)
    lessons, _ = run.learner.lessons(samples(episodes))
    assert lessons is not None
    with planted(run.lm.model) as plants:
        run.learner.update(1, replace(lessons, advantages_BT=torch.zeros_like(lessons.advantages_BT)))
    gradients = asked(plants, episodes)
    assert set(gradients["p"] + gradients["t"] + gradients["."]) == {0.0}
    assert min(gradients["a"]) > 0


def test_a_mask_that_forgets_the_tools_is_noticed(
    episodes: list[Episode], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first test again with every token after the prompt masked in: it must see what it claims to see."""
    extend = Row.extend

    def forgets(self: Row, ids: Sequence[int], sampled: bool, logprobs: Any = None, step: int = 0) -> None:
        extend(self, ids, sampled or bool(self.ids), logprobs, step if sampled or not self.ids else self.steps[-1])

    right, wrong = trainer(tmp_path / "right"), trainer(tmp_path / "wrong")
    right.learner.learn(1, samples(episodes))
    monkeypatch.setattr(Row, "extend", forgets)
    with planted(wrong.lm.model) as plants:
        wrong.learner.learn(1, samples(episodes))
    gradients = asked(plants, episodes)
    assert sum(value > 0 for value in gradients["t"]) > 30  # the clip holds those of negative advantages
    assert set(gradients["p"] + gradients["."]) == {0.0}
    assert not same_weights(right, wrong)


# --- What is recorded at the tools' tokens changes nothing -----------------------------------------------------------


def tools_of(batch: Batch, episodes: Sequence[Episode]) -> Tensor:
    """True at the tools' tokens; [B, T]."""
    rows = [[letter == "t" for letter in who_wrote(episode)] for episode in episodes]
    return torch.tensor([row + [False] * (batch.ids_BT.shape[1] - len(row)) for row in rows])


def learnt(
    folder: Path, episodes: Sequence[Episode], at: Callable[[Batch], Tensor] | None = None, what: str = ""
) -> Trainer:
    """A trainer after one update. With `at` the recorded log-probabilities, or the ids asked for, are others there."""
    run = trainer(folder)
    lessons, _ = run.learner.lessons(samples(episodes))
    assert lessons is not None
    batch = lessons.batch
    if at is not None and what == "logprobs":
        lessons = replace(lessons, old_BT=torch.where(at(batch), -7.0, lessons.old_BT))
    elif at is not None:
        whole = batch.ids_BT[lessons.moving_B]
        run.lm.model.register_forward_pre_hook(
            lambda module, args, said: (args, {**said, "input_ids": whole[:, : said["input_ids"].shape[1]]}),
            with_kwargs=True,
        )
        lessons = replace(lessons, batch=replace(batch, ids_BT=torch.where(at(batch), 3, batch.ids_BT)))
    run.learner.update(1, lessons)
    return run


def same_weights(one: Trainer, other: Trainer) -> bool:
    pairs = zip(one.lm.model.parameters(), other.lm.model.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_neither_recorded_logprobs_nor_ids_of_tools_move_anything(
    episodes: list[Episode], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlvr_gym.agents.ranks.ENOUGH_TOKENS", 10**9)  # all rows in one pass, whose ids are exchanged
    ordered = sorted(episodes, key=lambda episode: len(who_wrote(episode)))
    plain = learnt(tmp_path / "plain", episodes)

    def tools(batch: Batch) -> Tensor:
        found = tools_of(batch, ordered)
        assert found.sum() > 30
        assert not (found & batch.mask_BT).any()
        return found

    for what in ("logprobs", "ids"):
        assert same_weights(plain, learnt(tmp_path / what, episodes, tools, what))
        # The same changes at actions do move it: the comparison is able to fail.
        assert not same_weights(plain, learnt(tmp_path / f"said {what}", episodes, lambda batch: batch.mask_BT, what))


def test_the_mask_is_at_the_sampled_tokens_and_nowhere_else(episodes: list[Episode]) -> None:
    tokenizer = start().tokenizer
    batch = make_batch(episodes, tokenizer.pad_token_id)
    assert len(batch) == len(episodes)  # one row an episode: each prompt extends what stands before it
    for place, episode in enumerate(episodes):
        letters = who_wrote(episode)
        assert batch.mask_BT[place, : len(letters)].tolist() == [letter == "a" for letter in letters]
        assert not batch.mask_BT[place, len(letters) :].any()
        said = tuple(one for turn in episode.turns for one in turn.completion.token_ids)
        assert tuple(batch.ids_BT[place, batch.mask_BT[place]].tolist()) == said
