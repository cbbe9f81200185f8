"""Products of matrices on a CPU through oneDNN, where that is faster than BLAS.

The `Linear` layers of a model are most of its work, and torch multiplies in float32 on a CPU by BLAS. oneDNN, which is
in the same build of torch and which torch's own compiler uses, takes 10 to 25 percent less time for the products of
training and half for those of a few rows with packed weights. Sums are formed in another order: results differ in
their last bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode


def packed(weight_OI: Tensor) -> Tensor | None:
    """A weight as oneDNN reads it on this machine, for `product`; None where it is not on a CPU, or torch lacks it.

    Example:
        >>> weight = torch.tensor([[1.0, 2.0]])
        >>> ours = packed(weight)
        >>> ours is None or product(torch.tensor([[3.0, 4.0]]), ours).item() == 11.0
        True
    """
    if weight_OI.dtype not in (torch.float32, torch.bfloat16) or not _offered(weight_OI):
        return None
    found: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight_OI)
    return found


def product(x_BI: Tensor, weight_OI: Tensor, bias_O: Tensor | None = None) -> Tensor:
    """`x W^T + b` by oneDNN, of rows with a weight that is packed or not."""
    found: Tensor = torch.ops.mkldnn._linear_pointwise(x_BI, weight_OI, bias_O, "none", [], "")
    return found


class FasterProducts(TorchFunctionMode):
    """While it is entered, `torch.nn.functional.linear` in float32 on a CPU is computed by oneDNN, backwards too.

    What is anything else (other types, devices, subclasses of tensors, autocast) is computed as always. It is not for
    gradient checkpointing: torch leaves it while activations are computed again.

    Example:
        >>> x, weight = torch.randn(3, 4), torch.randn(5, 4, requires_grad=True)
        >>> with FasterProducts():
        ...     found = functional.linear(x, weight)
        >>> found.sum().backward()
        >>> torch.allclose(found, x @ weight.T, atol=1e-5), torch.allclose(weight.grad[0], x.sum(0), atol=1e-5)
        (True, True)
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """See `TorchFunctionMode`."""
        ours = func is functional.linear and not kwargs and all(map(_plain, args)) and _offered(args[1])
        if ours and not torch.is_autocast_enabled("cpu"):
            return _Linear.apply(*args, *([None] * (3 - len(args))))  # type: ignore[no-untyped-call]
        return func(*args, **(kwargs or {}))


class _Linear(torch.autograd.Function):
    """A linear layer; the gradient of its weights stays with BLAS, which is faster at that product."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight_OI: Tensor, bias_O: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight_OI)
        return product(x, weight_OI, bias_O)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight_OI = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        rows_NO = gradient.reshape(-1, gradient.shape[-1])
        return (
            product(gradient, weight_OI.t()) if of_x else None,
            rows_NO.t() @ x.reshape(-1, x.shape[-1]) if of_weight else None,
            rows_NO.sum(dim=0) if of_bias else None,
        )


def _plain(value: Any) -> bool:
    """Whether an argument is a float32 tensor of no special kind, or none."""
    return value is None or (type(value) in (Tensor, torch.nn.Parameter) and value.dtype == torch.float32)


def _offered(weight: Tensor) -> bool:
    """Whether torch has oneDNN's products for a weight: operators that it has for its compiler."""
    return bool(
        weight.device.type == "cpu"
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    )
