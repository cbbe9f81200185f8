"""Episodes to tensors, without tokenising anything again.

An episode becomes one row as long as each turn's prompt extends what stands before it (the prefix property); where a
prompt was edited, a new row begins. Only sampled ids are masked in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from inspect import signature
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from rlvr_gym.agents.episode import Episode
from torch import Tensor
from torch.nn.functional import cross_entropy


@dataclass
class Row:
    """One training sequence: ids, and for those that were sampled the log-probability and the number of the step."""

    ids: list[int] = field(default_factory=list)
    mask: list[bool] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)

    def extend(self, ids: Sequence[int], sampled: bool, logprobs: Sequence[float] | None = None, step: int = 0) -> None:
        """Append ids that were all sampled, in the step of this number, or all not."""
        self.ids += ids
        self.mask += [sampled] * len(ids)
        self.logprobs += logprobs if logprobs is not None else [0.0] * len(ids)
        self.steps += [step if sampled else 0] * len(ids)


@dataclass(frozen=True)
class Batch:
    """Right-padded tensors.

    Args:
        ids_BT: Token ids.
        attention_BT: 1 at real tokens.
        mask_BT: True at sampled tokens.
        logprobs_BT: Log-probabilities at sampling time; 0 where masked.
        step_BT: Number of the step, over all episodes of the batch, in which a token was sampled; 0 where masked.
    """

    ids_BT: Tensor
    attention_BT: Tensor
    mask_BT: Tensor
    logprobs_BT: Tensor
    step_BT: Tensor

    def __len__(self) -> int:
        return self.ids_BT.shape[0]

    def rows(self, part: slice | Tensor) -> Batch:
        """Some rows (a slice, or a boolean tensor [B]), cut to the width that they need; at least one."""
        width = int(self.attention_BT[part].sum(dim=1).max())
        return Batch(
            self.ids_BT[part, :width],
            self.attention_BT[part, :width],
            self.mask_BT[part, :width],
            self.logprobs_BT[part, :width],
            self.step_BT[part, :width],
        )


def episode_rows(episode: Episode, first: int = 0) -> list[Row]:
    """The training rows of one episode: one for each of its conversations as long as nothing was edited.

    Args:
        episode: What was played.
        first: Number of its first step.

    Example:
        >>> from rlvr_gym.agents import Completion, Turn
        >>> first = Turn(Completion("a", (7,), (-0.5,), (0.1,), prompt_ids=(1, 2)), 0.0, "s0")
        >>> second = Turn(Completion("b", (9,), (-0.7,), (0.1,), prompt_ids=(1, 2, 7, 3)), 1.0, "s1")
        >>> [row] = episode_rows(Episode("t", (first, second), True, "answered", {}))
        >>> row.ids, row.mask
        ([1, 2, 7, 3, 9], [False, False, True, False, True])
    """
    rows: list[Row] = []
    latest: dict[str, Row] = {}
    for step, turn in enumerate(episode.turns, start=first):
        completion = turn.completion
        prompt = list(completion.prompt_ids)
        row = latest.get(turn.thread)
        if row is None or prompt[: len(row.ids)] != row.ids:
            row = latest[turn.thread] = Row()
            rows.append(row)
        row.extend(prompt[len(row.ids) :], sampled=False)
        row.extend(completion.token_ids, sampled=True, logprobs=completion.logprobs, step=step)
    return rows


def make_batch(episodes: Sequence[Episode], pad_id: int) -> Batch:
    """Pad the rows of all episodes to one width. Episodes without a turn give no row.

    Steps are numbered through all episodes, as in `credit.Steps.of`.
    """
    firsts = accumulate((len(episode.turns) for episode in episodes), initial=0)
    numbered = zip(episodes, firsts, strict=False)
    rows = [row for episode, first in numbered for row in episode_rows(episode, first)]
    return batch_of_rows(rows, pad_id)


def batch_of_rows(rows: Sequence[Row], pad_id: int) -> Batch:
    """Pad rows on the right to one width."""
    width = max((len(row.ids) for row in rows), default=1)
    return Batch(
        ids_BT=_padded([row.ids for row in rows], width, pad_id),
        attention_BT=_padded([[1] * len(row.ids) for row in rows], width, 0),
        mask_BT=_padded([row.mask for row in rows], width, False),
        logprobs_BT=_padded([row.logprobs for row in rows], width, 0.0),
        step_BT=_padded([row.steps for row in rows], width, 0),
    )


class TokenStats(NamedTuple):
    """What a policy says of the tokens of a batch; both [B, T], and 0 at columns in which no row has sampled a token.

    Args:
        logprobs_BT: Log-probability of each token given those before it.
        entropy_BT: Entropy of the distribution that it was drawn from, in nats; None where it was not asked for.
    """

    logprobs_BT: Tensor
    entropy_BT: Tensor | None = None


def token_stats(model: Any, batch: Batch, temperature: float, *, entropy: bool = False) -> TokenStats:
    """Log-probabilities of a batch's tokens under a policy.

    Args:
        model: A causal transformers model.
        batch: Rows; padded on the right, so positions need no correction.
        temperature: That of sampling, so that the result is comparable with the recorded log-probabilities.
        entropy: Whether entropies are wanted too.
    """
    places = batch.mask_BT[:, 1:].any(dim=0).nonzero()[:, 0]  # each predicts the token behind it
    narrow = 0 < len(places) < batch.mask_BT.shape[1] - 1 and "logits_to_keep" in signature(model.forward).parameters
    if not narrow:
        places = torch.arange(batch.mask_BT.shape[1] - 1, device=batch.ids_BT.device)
    # No attention mask: under causal attention a token never looks at the padding to its right.
    more = {"logits_to_keep": places} if narrow else {}
    logits = model(input_ids=batch.ids_BT, use_cache=False, **more).logits[:, : len(places)].float()
    if temperature != 1:
        logits = logits / temperature
    spread = None
    ids = batch.ids_BT[:, places + 1]
    if entropy:
        every = torch.log_softmax(logits, dim=-1)
        chosen = every.gather(2, ids[..., None])[..., 0]
        spread = _put(-(every.exp() * every).sum(dim=-1), places + 1, batch)
    else:
        chosen = -cross_entropy(logits.flatten(0, 1), ids.flatten(), reduction="none").reshape(len(batch), -1)
    return TokenStats(_put(chosen, places + 1, batch), spread)


def token_logprobs(model: Any, batch: Batch, temperature: float) -> Tensor:
    """Log-probability of each token given those before it, shape [B, T]; see `token_stats`."""
    return token_stats(model, batch, temperature).logprobs_BT


def _put(values: Tensor, places: Tensor, batch: Batch) -> Tensor:
    """Values at these columns of a batch, 0 at the others; [B, T]."""
    return values.new_zeros(batch.ids_BT.shape).index_copy(1, places, values)


def _padded(rows: Sequence[Sequence[Any]], width: int, fill: Any) -> Tensor:
    return torch.tensor([list(row) + [fill] * (width - len(row)) for row in rows]).reshape(len(rows), width)
