"""LoRA: the adapter alone is trained and kept, the reference is the model without it, and the result is ordinary."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")
pytest.importorskip("peft", reason="adapters need the extra 'lora'")

import gymnasium as gym  # noqa: E402
from rlvr_gym.agents import TrainConfig, Trainer, build_preset, load_model, recipes  # noqa: E402
from rlvr_gym.agents.adapters import Adapter  # noqa: E402
from rlvr_gym.agents.checkpoint import CheckpointError  # noqa: E402
from rlvr_gym.agents.models import LanguageModel  # noqa: E402
from rlvr_gym.agents.tracking import read_json_lines  # noqa: E402
from rlvr_gym.agents.unlearning import scored  # noqa: E402
from rlvr_gym.envs import TextEnv, Transition  # noqa: E402
from rlvr_gym.verifiers import ConfigError, MissingExtraError  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

IDS = [[3, 4, 13, 5, 14]]


class Low(TextEnv):
    """Pays for a response that begins with 0, 1 or 2."""

    def transition(self, action: str) -> Transition:
        return Transition(verdict=self.verifier.verify("7" if action[:1] in {"0", "1", "2"} else "8", 7))


def make_env() -> gym.Env[str, str]:
    env = gym.make("rlvr_gym:rlvr/Arithmetic-v0", digits=1, style="compact", disable_env_checker=True).unwrapped
    assert isinstance(env, TextEnv)
    return Low(env.taskset, env.verifier)


def start() -> LanguageModel:
    return build_preset("nano", alphabet="0123456789+=")


def trainer(folder: Path, name: str = "grpo", pieces: dict[str, Any] | None = None, **changes: Any) -> Trainer:
    settings = {"steps": 4, "prompts": 4, "max_new_tokens": 3, "checkpoint_every": 2, "learning_rate": 3e-3, "lora": 4}
    recipe = recipes.get(name, **{"group_size": 4, **(pieces or {})})
    return Trainer(make_env, start, recipe, TrainConfig(**{**settings, **changes}), folder)


def logits(model: Any) -> Any:
    with torch.no_grad():
        return model.eval()(input_ids=torch.tensor(IDS)).logits


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    trainer(folder).run()
    return folder


def test_an_adapter_begins_as_nothing_and_merges_by_its_formula() -> None:
    """W' = W + alpha / rank * B A, on matrices of ones: 6 / 2 * (sum of two products of 1 and 0.5) = 3."""
    lm, plain = start(), start()
    adapter = Adapter(lm, rank=2, alpha=6.0, seed=0)
    assert torch.equal(logits(lm.model), logits(plain.model))
    trained = {name: each for name, each in lm.model.named_parameters() if each.requires_grad}
    assert all("lora_" in name for name in trained)
    assert len(trained) == 2 * 7 * 4  # two matrices for each of the seven linear layers of four blocks
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.fill_(1.0 if "lora_A" in name else 0.5)
    name = "model.layers.0.self_attn.q_proj.weight"
    before = dict(plain.model.named_parameters())
    for weights in (adapter.weights(), dict(adapter.merged().model.named_parameters())):
        assert weights.keys() == before.keys()
        assert torch.allclose(weights[name], before[name] + 3.0)
        assert torch.equal(weights["model.embed_tokens.weight"], before["model.embed_tokens.weight"])
    with adapter.disabled():
        assert torch.equal(logits(lm.model), logits(plain.model))
    assert not torch.allclose(logits(lm.model), logits(plain.model))
    adapter.reset()
    assert torch.equal(logits(lm.model), logits(plain.model))


def test_adapters_of_one_seed_are_equal_whatever_the_global_state() -> None:
    drawn = []
    for seed in (1, 1, 2):
        torch.rand(3)
        state = torch.random.get_rng_state()
        lm = start()
        Adapter(lm, rank=2, alpha=4.0, seed=seed)
        assert torch.equal(torch.random.get_rng_state(), state)
        drawn.append([each for name, each in lm.model.named_parameters() if "lora_A" in name])
    assert all(torch.equal(a, b) for a, b in zip(drawn[0], drawn[1], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(drawn[0], drawn[2], strict=True))


def test_only_the_adapter_moves_and_is_kept(whole: Path) -> None:
    names = sorted(path.name for path in (whole / "checkpoints" / "step-000004").iterdir())
    assert names == ["adapter_config.json", "adapter_model.safetensors", "optimizer.safetensors", "trainer_state.json"]
    saved = load_file(whole / "checkpoints" / "step-000004" / "adapter_model.safetensors")
    assert len(saved) == 56
    optimizer = load_file(whole / "checkpoints" / "step-000004" / "optimizer.safetensors")
    assert len({name.rpartition(".")[0] for name in optimizer}) == 56
    base, after = (dict(load_model(whole / kind).model.named_parameters()) for kind in ("base", "model"))
    same = {name for name in base if torch.equal(base[name], after[name])}
    assert same == {name for name in base if "_proj" not in name}


def test_peft_reads_a_checkpoint(whole: Path) -> None:
    """The base with the adapter of the last checkpoint, put together by peft itself, is the model that was written."""
    from peft import PeftModel

    theirs = PeftModel.from_pretrained(load_model(whole / "base").model, whole / "checkpoints" / "step-000004")
    assert torch.allclose(logits(theirs), logits(load_model(whole / "model").model), atol=1e-5)


def test_sampler_and_learner_use_the_adapter(whole: Path) -> None:
    rows = read_json_lines(whole / "metrics.jsonl")
    assert all(row["logprob_gap"] < 1e-5 for row in rows)
    assert rows[0]["kl"] == 0.0
    assert all(row["kl"] > 0 for row in rows[1:])  # to the model without it


def test_a_resumed_run_is_the_same(whole: Path, tmp_path: Path) -> None:
    trainer(tmp_path, steps=2).run()
    trainer(tmp_path).run()
    for name in ("model/model.safetensors", "metrics.jsonl", "checkpoints/step-000004/adapter_model.safetensors"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


def test_a_reference_without_a_second_model_is_the_base(whole: Path, tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.run()
    with run.learner.reference.model() as reference:
        assert reference is run.lm.model
        assert torch.equal(logits(reference), logits(load_model(tmp_path / "base").model))
    assert not torch.equal(logits(run.lm.model), logits(load_model(tmp_path / "base").model))


def test_a_reference_can_follow_an_adapter(tmp_path: Path) -> None:
    run = trainer(tmp_path, pieces={"reference_every": 2}, steps=2)
    run.run()
    with run.learner.reference.model() as reference:
        assert torch.allclose(logits(reference), logits(load_model(tmp_path / "model").model), atol=1e-5)


def test_unlearning_moves_the_adapter_and_puts_it_back(tmp_path: Path) -> None:
    run = trainer(tmp_path, "eepo", steps=2)
    run.run()
    from rlvr_gym.agents.unlearning import unlearned

    before = [parameter.clone() for parameter in run.lm.model.parameters()]
    [said] = run.policy.act([[{"role": "user", "content": "1+1="}]], seeds=[0])
    with unlearned(run.policy, [said], learning_rate=10.0):
        forgotten = sum(scored(run.policy, [said])[0].logprobs)
    assert forgotten < sum(said.logprobs)
    assert all(torch.equal(a, b) for a, b in zip(before, run.lm.model.parameters(), strict=True))


def test_each_improvement_can_begin_from_the_base(tmp_path: Path) -> None:
    """ReST-EM: after a step from the base, the adapter is that of this step alone."""
    run = trainer(tmp_path, "rest-em", {"updates": 1}, learning_rate=1e-3)
    samples, _ = run._gather(1)
    run.learner.learn(1, samples)
    first = [parameter.clone() for parameter in run.lm.model.parameters()]
    run.learner.learn(1, samples)
    assert all(torch.equal(a, b) for a, b in zip(first, run.lm.model.parameters(), strict=True))


@pytest.mark.parametrize("changes", [{"gradient_checkpointing": True}, {"micro_batch": 3}])
def test_what_saves_memory_changes_no_gradient(whole: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    trainer(tmp_path, **changes).run()
    rows = [read_json_lines(folder / "metrics.jsonl")[0] for folder in (whole, tmp_path)]
    assert rows[0]["grad_norm"] > 0
    assert rows[1]["grad_norm"] == pytest.approx(rows[0]["grad_norm"], rel=1e-5)


@pytest.mark.parametrize("separate", [True, False])
def test_a_critic_is_beside_the_adapter(separate: bool, tmp_path: Path) -> None:
    run = trainer(tmp_path, "ppo", {"critic": {"separate": separate}, "updates": 1}, steps=2)
    run.run()
    critic = run.learner.trained.critic
    assert critic is not None
    assert not any("lora_" in name for name, _ in critic.named_parameters())
    assert all(parameter.requires_grad for parameter in critic.parameters())
    assert critic.head.weight.any()
    trainer(tmp_path, "ppo", {"critic": {"separate": separate}, "updates": 1}, steps=3).run()


def test_another_adapter_in_a_checkpoint_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path, steps=2).run()
    file = tmp_path / "checkpoints" / "step-000002" / "adapter_model.safetensors"
    file.write_bytes((tmp_path / "base" / "model.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match="holds another adapter"):
        trainer(tmp_path).run()


def test_refused_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="lora must be at least 0"):
        TrainConfig(steps=1, lora=-1)
    for settings in ({"lora_alpha": 8.0}, {"lora": 4, "lora_alpha": 0.0}):
        with pytest.raises(ConfigError, match="lora_alpha must be positive and finite and needs lora"):
            TrainConfig(steps=1, **settings)  # type: ignore[arg-type]
    trainer(tmp_path / "one", steps=1).run()
    assert json.loads((tmp_path / "one" / "trainer.json").read_text())["train"]["lora"] == 4
    with pytest.raises(ConfigError, match=r"train\.lora: 4 there, 8 now"):
        trainer(tmp_path / "one", lora=8)
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"rlvr-gym\[lora\]"):
        trainer(tmp_path / "two")
