"""The reference policy, to which divergences are taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from rlvr_gym.agents.adapters import Adapter
from rlvr_gym.agents.models import LanguageModel
from torch import Tensor


class Reference:
    """The model at the start of training, or one that follows the policy (see `Recipe.reference_every`).

    A reference that does not follow an adapted policy is the policy without its adapter, and takes no memory. Any other
    is a model of its own, loaded when it is first needed.

    Args:
        lm: The policy.
        adapter: Its adapter, if it has one.
        base: Gives the model at the start of training.
        every: Steps between two moves; 0: it stays.
        decay: What is kept of it in a move.

    Example:
        >>> from rlvr_gym.agents.models import build_preset
        >>> policy, base = (build_preset("nano", seed=seed, alphabet="01") for seed in (0, 1))
        >>> reference = Reference(policy, None, lambda: base, every=2)
        >>> for step in (1, 2):
        ...     reference.follow(step)
        ...     with reference.model() as model:
        ...         torch.equal(model.lm_head.weight, policy.model.lm_head.weight)
        False
        True
    """

    def __init__(
        self,
        lm: LanguageModel,
        adapter: Adapter | None,
        base: Callable[[], LanguageModel],
        *,
        every: int = 0,
        decay: float = 0.0,
    ) -> None:
        self._lm, self._adapter, self._base = lm, adapter, base
        self._every, self._decay = every, decay
        self._own: Any = None

    @property
    def follows(self) -> bool:
        """Whether it ever moves."""
        return self._every > 0

    @contextmanager
    def model(self) -> Iterator[Any]:
        """The model to ask, within the block."""
        if self._adapter is None or self.follows:
            yield self._loaded()
        else:
            with self._adapter.disabled():
                yield self._lm.model

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Move towards the policy, where it is time after this step: `decay * reference + (1 - decay) * policy`."""
        if not self._every or step % self._every:
            return
        policy = dict(self._lm.model.named_parameters()) if self._adapter is None else self._adapter.weights()
        for name, parameter in self._loaded().named_parameters():
            parameter.mul_(self._decay).add_(policy[name], alpha=1 - self._decay)

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint must hold of it: nothing where it stays."""
        return dict(self._loaded().named_parameters()) if self.follows else {}

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Read what `tensors` gave.

        Raises:
            ValueError: They are those of another model.
        """
        own = self.tensors()
        if own.keys() != tensors.keys():
            raise ValueError("the reference is another model")
        for name, parameter in own.items():
            parameter.copy_(tensors[name])

    def _loaded(self) -> Any:
        if self._own is None:
            device = next(self._lm.model.parameters()).device
            self._own = self._base().model.eval().requires_grad_(False).to(device)
        return self._own
