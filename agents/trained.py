"""What is trained: the policy or its adapter, a critic, and their optimiser, in one process or over several."""

from __future__ import annotations

import copy
import math
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from rlvr_gym.agents.adapters import Adapter
from rlvr_gym.agents.batch import Batch, TokenStats
from rlvr_gym.agents.checkpoint import Saves, read_tensors
from rlvr_gym.agents.critic import PolicyAndCritic, ValueModel
from rlvr_gym.agents.models import LanguageModel, load_model
from rlvr_gym.agents.policy import seed_from
from rlvr_gym.agents.ranks import Ranks
from rlvr_gym.agents.recipes import Recipe
from rlvr_gym.agents.train_config import TrainConfig
from rlvr_gym.verifiers import ConfigError
from torch import Tensor

_POLICY = "policy."  # what parameters are called within `PolicyAndCritic`


class Trained:
    """Policy, critic and optimiser.

    Args:
        lm: The policy; always whole, and changed in place.
        recipe: Its critic.
        config: Adapter, optimiser and memory.
        ranks: The processes that train it together.

    Raises:
        ConfigError: Parameters are sharded, and the recipe has a critic.
        MissingExtraError: There is to be an adapter, and `peft` is not installed.
    """

    def __init__(self, lm: LanguageModel, recipe: Recipe, config: TrainConfig, ranks: Ranks) -> None:
        self.lm, self.config, self.ranks = lm, config, ranks
        if recipe.critic is not None and ranks.sharded:
            raise ConfigError("a critic cannot be trained beside sharded parameters: choose DDP or another recipe")
        self.critic = ValueModel(lm.model, separate=recipe.critic.separate) if recipe.critic is not None else None
        self.adapter: Adapter | None = None
        if config.lora:
            alpha = 2.0 * config.lora if config.lora_alpha is None else config.lora_alpha
            self.adapter = Adapter(lm, rank=config.lora, alpha=alpha, seed=seed_from("lora", config.seed))
        if config.gradient_checkpointing:
            lm.model.gradient_checkpointing_enable()
        # A policy whose parameters are sharded cannot sample by itself: it is a copy, and `lm` follows it.
        policy = copy.deepcopy(lm.model) if ranks.sharded else lm.model
        self._scales = [1.0]
        groups: list[dict[str, Any]] = [{"params": [each for each in policy.parameters() if each.requires_grad]}]
        if self.critic is not None and recipe.critic is not None:
            self._scales.append(recipe.critic.learning_rate)
            groups.append({"params": list(self.critic.parameters())})
        optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, weight_decay=0.0)
        module = PolicyAndCritic(policy, self.critic)
        known = {parameter: name for name, parameter in module.named_parameters()}
        self._names = [known[parameter] for group in groups for parameter in group["params"]]
        self._module, self._optimizer = ranks.prepare(module, optimizer)

    @property
    def device(self) -> torch.device:
        """Where the policy lies."""
        return next(self.lm.model.parameters()).device  # type: ignore[no-any-return]

    @property
    def saved(self) -> Saves:
        """What a checkpoint holds of the policy."""
        return self.lm if self.adapter is None else self.adapter

    def __call__(self, batch: Batch, *, entropy: bool) -> tuple[TokenStats, Tensor | None]:
        """What the policy says of the tokens, and what the critic predicts before them; for a backward pass."""
        stats, values = self._module(batch, self.config.temperature, entropy)
        return stats, values

    def holding(self, *, last: bool) -> AbstractContextManager[Any]:
        """In which a forward and a backward pass are made; the last of a step adds the gradients of all processes."""
        return self.ranks.holding(self._module, last=last)

    def clear(self) -> None:
        """Forget all gradients."""
        self._optimizer.zero_grad(set_to_none=True)

    def step(self, rate: float) -> float:
        """One optimiser step with this learning rate; returns the norm of the policy's gradient before its bound.

        Where that norm or the critic's is no finite number, nothing moves, and what is returned is that number.
        """
        norms = []
        for group, scale in zip(self._optimizer.param_groups, self._scales, strict=True):
            group["lr"] = rate * scale
            norm: Any = torch.nn.utils.clip_grad_norm_(group["params"], self.config.max_grad_norm)
            norms.append(float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm))
        if wrong := [norm for norm in norms if not math.isfinite(norm)]:
            return wrong[0]
        self._optimizer.step()
        if self.ranks.sharded:
            whole = self.ranks.weights(self._module)
            self.lm.model.load_state_dict({name.removeprefix(_POLICY): value for name, value in whole.items()})
        return norms[0]

    def reset(self, base: LanguageModel) -> None:
        """Policy and optimiser as at the start of training."""
        if self.adapter is None:
            self.lm.model.load_state_dict(base.model.state_dict())
        else:
            self.adapter.reset()
        self._spread()
        self._optimizer.state.clear()

    def merged(self) -> LanguageModel:
        """The policy as an ordinary model."""
        return self.lm if self.adapter is None else self.adapter.merged()

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """What a checkpoint holds beside the policy; every process asks at once."""
        state = self.ranks.optimizer_state(self._module, self._optimizer, self._names)
        found = {"optimizer": {f"{each}.{key}": tensor for each, part in state.items() for key, tensor in part.items()}}
        if self.critic is not None:
            found["critic"] = self.critic.state_dict()
        return found

    def restore(self, folder: Path) -> None:
        """Read `saved` and `tensors` from the folder of a checkpoint."""
        if self.adapter is None:
            self.lm.model.load_state_dict(load_model(folder).model.state_dict())
        else:
            self.adapter.load(folder)
        self._spread()
        if self.critic is not None:
            self.critic.load_state_dict(read_tensors(folder, "critic"))
        state: dict[str, dict[str, Tensor]] = {}
        for name, tensor in read_tensors(folder, "optimizer").items():
            each, _, key = name.rpartition(".")
            state.setdefault(each, {})[key] = tensor
        self.ranks.set_optimizer_state(self._module, self._optimizer, self._names, state)

    def _spread(self) -> None:
        """The policy was given other parameters: so are the sharded ones."""
        if self.ranks.sharded:
            state = self.lm.model.state_dict()
            self.ranks.set_weights(self._module, {f"{_POLICY}{name}": value for name, value in state.items()})
