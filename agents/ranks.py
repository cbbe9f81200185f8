"""The processes that train one model together; whatever needs `accelerate` is here.

Every process knows the whole batch: each plays its share of the prompts and shows what it played to the others, and
each takes the loss of its share of the rows by the denominators of all. The gradients are added, so that a step is that
of one process, but for the order of sums.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from itertools import pairwise
from typing import Any, TypeVar

import torch
from rlvr_gym.verifiers import ConfigError, MissingExtraError, RlvrError
from torch import Tensor

T = TypeVar("T")

# What a process has in its environment that `torchrun` or `accelerate launch` started.
_LAUNCHED = ("LOCAL_RANK", "ACCELERATE_MIXED_PRECISION")
_REFUSED = ("DEEPSPEED", "MEGATRON_LM", "XLA", "TP")
# A process may wait for the first one as long as an evaluation or a warm start takes.
_PATIENCE = timedelta(hours=12)
NARROW, ENOUGH_TOKENS = 0.7, 2048


class Ranks:
    """This process among those that train together.

    Args:
        accelerator: An `accelerate.Accelerator`; None for one process, which leaves the model where it lies.

    Raises:
        ConfigError: The accelerator does what the trainer does itself, or what it cannot do.

    Example:
        >>> ranks = Ranks.alone()
        >>> ranks.rank, ranks.size, ranks.gathered("a")
        (0, 1, ['a'])
        >>> [part.tolist() for part in ranks.micro_batches(torch.tensor([5, 5, 9]), rows=2)]
        [[0], [1, 2]]
    """

    def __init__(self, accelerator: Any = None) -> None:
        self._accelerator = accelerator
        self.rank: int = 0 if accelerator is None else accelerator.process_index
        self.size: int = 1 if accelerator is None else accelerator.num_processes
        if accelerator is None:
            return
        if accelerator.mixed_precision != "no" or accelerator.gradient_accumulation_steps != 1:
            raise ConfigError(
                "accelerate must have mixed precision 'no' and one step of gradient accumulation: choose --precision "
                f"and --micro-batch instead; got {accelerator.mixed_precision!r} and "
                f"{accelerator.gradient_accumulation_steps}"
            )
        kind = str(accelerator.distributed_type.value)
        if kind in _REFUSED or (kind == "FSDP" and not accelerator.is_fsdp2):
            raise ConfigError(f"of accelerate, DDP and FSDP of version 2 are supported; got {kind}")
        if kind == "FSDP" and accelerator.state.fsdp_plugin.cpu_ram_efficient_loading:
            raise ConfigError(
                "set fsdp_cpu_ram_efficient_loading to false: every process samples from the whole policy"
            )

    @classmethod
    def alone(cls) -> Ranks:
        """One process."""
        return cls()

    @classmethod
    def launched(cls) -> Ranks:
        """The processes that `accelerate launch` or `torchrun` started; one where neither did.

        Raises:
            MissingExtraError: `accelerate` is not installed.
        """
        if not any(name in os.environ for name in _LAUNCHED):
            return cls()
        try:
            accelerate = importlib.import_module("accelerate")
        except ModuleNotFoundError as error:
            raise MissingExtraError("accelerate", "accelerate", "training in several processes") from error
        patience = accelerate.InitProcessGroupKwargs(timeout=_PATIENCE)
        return cls(accelerate.Accelerator(cpu=not torch.cuda.is_available(), kwargs_handlers=[patience]))

    @property
    def main(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    @property
    def sharded(self) -> bool:
        """Whether no process holds all parameters that are trained (FSDP)."""
        return self._accelerator is not None and bool(self._accelerator.is_fsdp2)

    def share(self, count: int) -> Tensor:
        """The numbers below `count` that are this process's."""
        return torch.arange(count)[self.rank :: self.size]

    def micro_batches(self, lengths: Tensor, rows: int, *, small: bool = False) -> list[Tensor]:
        """This process's numbers of the rows of a batch, some at a time.

        Rows of about one length go together, so that little is computed for padding: a part ends where rows are less
        than 0.7 times as long as its longest one, once it has 2,048 tokens with its padding. There are as many parts in
        every process, since they must make equally many backward passes: some may be empty.

        Args:
            lengths: Tokens of each row of the whole batch, ascending.
            rows: Most rows of a part.
            small: Whether every part ends once it has that many tokens. On a CPU what one operation leaves to the next
                then stays in its cache: a step of 6.6 million parameters takes an eighth less time.
        """
        count = len(lengths)
        widths = [int(lengths[min(place + self.size, count) - 1]) for place in range(0, count, self.size)]
        mine = self.share(count)
        return [mine[start:end] for start, end in pairwise(_cuts(widths, rows, math.inf if small else NARROW))]

    def gathered(self, found: T) -> list[T]:
        """What each process has, in their order; it must survive pickling."""
        if self.size == 1:
            return [found]
        values: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(values, found)
        return values

    def added(self, values: Tensor) -> Tensor:
        """The sum over all processes, on the CPU."""
        if self.size == 1:
            return values
        return self._accelerator.reduce(values.to(self._accelerator.device), "sum").cpu()  # type: ignore[no-any-return]

    def first(self, call: Callable[[], T]) -> T:
        """What a call gives in the first process, told to all; where it raises an error of ours, all raise it."""
        if self.size == 1:
            return call()
        told: list[Any] = [None, None]
        if self.main:
            try:
                told[0] = call()
            except RlvrError as error:
                told[1] = error
        torch.distributed.broadcast_object_list(told, src=0)
        if told[1] is not None:
            raise told[1]
        return told[0]  # type: ignore[no-any-return]

    def prepare(self, module: Any, optimizer: Any) -> tuple[Any, Any]:
        """A module and its optimiser as they are trained: wrapped, or sharded in place, on this process's device."""
        if self._accelerator is None:
            return module, optimizer
        module, optimizer = self._accelerator.prepare(module, optimizer)
        return module, optimizer

    def holding(self, module: Any, *, last: bool) -> AbstractContextManager[Any]:
        """In which a backward pass keeps its gradients to itself, unless it is the last of a step."""
        return nullcontext() if last or self._accelerator is None else self._accelerator.no_sync(module)

    def backward(self, loss: Tensor) -> None:
        """A backward pass whose gradients are added over all processes; `accelerate` takes their mean."""
        if self._accelerator is None:
            loss.backward()
        else:
            self._accelerator.backward(loss * self.size)

    def weights(self, module: Any) -> dict[str, Tensor]:
        """All parameters and buffers of a sharded module; every process asks at once."""
        state_dict, options = _state_dicts()
        return state_dict.get_model_state_dict(module, options=options)  # type: ignore[no-any-return]

    def set_weights(self, module: Any, weights: Mapping[str, Tensor]) -> None:
        """Load what `weights` gave; every process at once."""
        state_dict, options = _state_dicts()
        state_dict.set_model_state_dict(module, dict(weights), options=options)

    def optimizer_state(self, module: Any, optimizer: Any, names: Sequence[str]) -> dict[str, dict[str, Tensor]]:
        """The optimiser's tensors of each parameter, whole; every process asks at once.

        Args:
            module: What was prepared.
            optimizer: What was prepared with it.
            names: Of its parameters, in its order.
        """
        if not self.sharded:
            return {names[number]: value for number, value in optimizer.state_dict()["state"].items()}
        state_dict, options = _state_dicts()
        return state_dict.get_optimizer_state_dict(module, optimizer.optimizer, options=options)["state"]  # type: ignore[no-any-return]

    def set_optimizer_state(
        self, module: Any, optimizer: Any, names: Sequence[str], state: Mapping[str, Mapping[str, Tensor]]
    ) -> None:
        """Load what `optimizer_state` gave, to however many processes.

        Raises:
            ValueError: It is of another parameter.
        """
        if strange := sorted(state.keys() - set(names)):
            raise ValueError(f"the optimiser has no parameter {strange[0]!r}")
        if not self.sharded:
            known = optimizer.state_dict()["param_groups"]
            numbered = {number: state[name] for number, name in enumerate(names) if name in state}
            optimizer.load_state_dict({"state": numbered, "param_groups": known})
            return
        state_dict, options = _state_dicts()
        whole = state_dict.get_optimizer_state_dict(module, optimizer.optimizer, options=options)
        whole["state"] = {key: dict(value) for key, value in state.items()}
        state_dict.set_optimizer_state_dict(module, optimizer.optimizer, whole, options=options)


def _state_dicts() -> tuple[Any, Any]:
    """PyTorch's functions for whole states, and their options."""
    found = importlib.import_module("torch.distributed.checkpoint.state_dict")
    return found, found.StateDictOptions(full_state_dict=True)


def _cuts(widths: Sequence[int], rows: int, narrow: float) -> list[int]:
    """Where parts of ascending widths begin, and where the last one ends; formed from the widest on."""
    cuts = [len(widths)]
    while (end := cuts[-1]) > 0:
        widest, start = widths[end - 1], end - 1
        while start > 0 and end - start < rows:
            if widths[start - 1] < narrow * widest and (end - start) * widest >= ENOUGH_TOKENS:
                break
            start -= 1
        cuts.append(start)
    return cuts[::-1]
