"""LoRA (arXiv 2106.09685) by `peft`: small trained matrices beside frozen weights."""

from __future__ import annotations

import copy
import importlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from rlvr_gym.agents.models import LanguageModel
from rlvr_gym.verifiers import MissingExtraError
from safetensors.torch import load_file, save_file
from torch import Tensor

_WEIGHTS = "adapter_model.safetensors"
_NAME = "default"


class Adapter:
    """An adapter of every linear layer of a model but its output layer; nothing else is trained any more.

    It is put into the model in place. The adapted model computes what it did before until the first step, since one of
    each two matrices begins at 0; the other is drawn from the seed, uniformly within `1 / sqrt(inputs)`, as by `peft`.

    Args:
        lm: Whose model.
        rank: Of the matrices.
        alpha: What they give is scaled by `alpha / rank`.
        seed: Of the matrices.

    Raises:
        MissingExtraError: `peft` is not installed.
    """

    def __init__(self, lm: LanguageModel, *, rank: int, alpha: float, seed: int) -> None:
        try:
            peft = importlib.import_module("peft")
        except ModuleNotFoundError as error:
            raise MissingExtraError("peft", "lora", "training with LoRA") from error
        self._lm, self._peft, self._seed = lm, peft, seed
        self._config = peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules="all-linear", task_type="CAUSAL_LM")
        with torch.random.fork_rng(devices=[]):  # peft draws from the global generator
            self._wrapped = peft.get_peft_model(lm.model, self._config)
        self.reset()

    @torch.no_grad()
    def reset(self) -> None:
        """Begin again."""
        generator = torch.Generator().manual_seed(self._seed)
        for name, parameter in sorted(self._lm.model.named_parameters()):
            if "lora_A" in name:
                bound = parameter.shape[1] ** -0.5
                parameter.copy_(torch.empty(parameter.shape).uniform_(-bound, bound, generator=generator))
            elif "lora_B" in name:
                parameter.zero_()

    def disabled(self) -> AbstractContextManager[Any]:
        """In which the model computes without it, as at the start of training."""
        return self._wrapped.disable_adapter()  # type: ignore[no-any-return]

    @torch.no_grad()
    def weights(self) -> dict[str, Tensor]:
        """The parameters of the model with the adapter added to them, by the names that they have without one."""
        model = self._lm.model
        found = {name: value for name, value in model.named_parameters() if "lora_" not in name}
        for name, layer in model.named_modules():
            if isinstance(layer, self._peft.tuners.lora.LoraLayer):
                found[f"{name}.base_layer.weight"] = layer.base_layer.weight + layer.get_delta_weight(_NAME)
        return {name.replace(".base_layer.", "."): value for name, value in found.items()}

    def merged(self) -> LanguageModel:
        """A copy of the model with the adapter added to its weights: an ordinary one."""
        return LanguageModel(copy.deepcopy(self._wrapped).merge_and_unload(), self._lm.tokenizer)

    def save(self, folder: Path) -> None:
        """Write the adapter alone, as `peft` reads it."""
        folder.mkdir(parents=True, exist_ok=True)
        self._config.save_pretrained(folder)
        save_file({name: value.contiguous() for name, value in self._state().items()}, folder / _WEIGHTS)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote.

        Raises:
            ValueError: It is another adapter.
        """
        tensors, known = load_file(folder / _WEIGHTS), self._state()
        if tensors.keys() != known.keys():
            raise ValueError(f"{_WEIGHTS} holds another adapter")
        self._peft.set_peft_model_state_dict(self._wrapped, tensors)

    def _state(self) -> dict[str, Tensor]:
        return self._peft.get_peft_model_state_dict(self._wrapped, save_embedding_layers=False)  # type: ignore[no-any-return]
