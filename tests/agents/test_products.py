"""What training multiplies, and of how many tokens it asks the model: the same numbers as without either shortcut."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")
transformers = pytest.importorskip("transformers", reason="agents need the extra 'agents'")

from rlvr_gym.agents import products  # noqa: E402
from rlvr_gym.agents.batch import Row, batch_of_rows, token_stats  # noqa: E402
from rlvr_gym.agents.products import FasterProducts  # noqa: E402
from torch.nn.functional import linear  # noqa: E402


def drawn(*shape: int, dtype: Any = None) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


@pytest.mark.parametrize("shape", [(1, 7), (5, 7), (2, 3, 7), (0, 7), (2, 0, 7)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_and_its_gradients(shape: tuple[int, ...], bias: bool) -> None:
    found = []
    for context in (torch.enable_grad(), FasterProducts()):
        x, weight, offset = (drawn(*s).requires_grad_() for s in (shape, (4, 7), (4,)))
        with context:
            y = linear(x, weight, offset) if bias else linear(x, weight)
        (y * y).sum().backward()
        found.append([y, x.grad, weight.grad, *([offset.grad] if bias else [])])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_inputs_that_are_views_and_parts_that_are_frozen() -> None:
    with FasterProducts():
        x, weight = drawn(7, 5).t(), drawn(7, 4).t().requires_grad_()
        linear(x, weight).sum().backward()
        torch.testing.assert_close(weight.grad, x.sum(0).expand(4, 7), rtol=1e-5, atol=1e-5)
        x, weight = drawn(3, 7).requires_grad_(), drawn(4, 7)
        linear(x, weight).sum().backward()
        torch.testing.assert_close(x.grad, weight.sum(0).expand(3, 7), rtol=1e-5, atol=1e-5)


def test_what_is_no_product_of_float32_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    ours = products.product
    monkeypatch.setattr(products, "product", lambda x, *more: asked.append(x.dtype) or ours(x, *more))
    with FasterProducts():
        assert linear(drawn(2, 3, dtype=torch.float64), drawn(4, 3, dtype=torch.float64)).dtype == torch.float64
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert linear(drawn(2, 3), drawn(4, 3)).dtype == torch.bfloat16
        assert asked == []
        linear(drawn(2, 3), drawn(4, 3))
    linear(drawn(2, 3), drawn(4, 3))
    assert len(asked) <= 1  # none where this build of torch has no such product


SHAPE = {"vocab_size": 23, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
MODELS = {
    "Llama": SHAPE | {"intermediate_size": 24, "num_key_value_heads": 1, "initializer_range": 0.3},
    "GPT2": {"vocab_size": 23, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 16},
}


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("entropy", [False, True])
def test_only_what_was_sampled_is_asked_for(kind: str, entropy: bool) -> None:
    """Rows of other lengths, whose sampled tokens stand elsewhere; against one pass over everything by hand."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(bos_token_id=None, eos_token_id=None, **MODELS[kind])
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    sampled = ([0, 0, 0, 1, 1, 0, 1], [0, 0, 0, 0, 1], [0, 0, 1])
    rows = [
        Row(list(range(3, 3 + len(mask))), list(map(bool, mask)), [0.0] * len(mask), [0] * len(mask))
        for mask in sampled
    ]
    batch = batch_of_rows(rows, 0)
    seen: list[int] = []
    model.get_output_embeddings().register_forward_hook(lambda _, inputs, out: seen.append(out.shape[1]))
    found = token_stats(model, batch, 2.0, entropy=entropy)
    assert seen == [4]  # columns 2, 3, 4 and 6 hold what was sampled
    every = torch.log_softmax(model(input_ids=batch.ids_BT).logits.float() / 2.0, dim=-1)
    for row, mask in enumerate(sampled):
        for place, counts in enumerate(mask):
            if counts:
                at = every[row, place - 1]
                assert found.logprobs_BT[row, place].item() == pytest.approx(
                    at[batch.ids_BT[row, place]].item(), abs=1e-5
                )
                if found.entropy_BT is not None:
                    assert found.entropy_BT[row, place].item() == pytest.approx(-(at.exp() * at).sum().item(), abs=1e-5)
    assert torch.equal(found.logprobs_BT[:, :2], torch.zeros(3, 2))
    assert (found.entropy_BT is not None) == entropy
