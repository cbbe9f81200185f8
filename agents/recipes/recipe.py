"""`Recipe`: a named algorithm is a short frozen config that sets every piece, and prints all of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any

from rlvr_gym.agents.checks import check_counts, check_flags, check_names, check_numbers, check_read, made_of
from rlvr_gym.agents.recipes.pieces import RATIOS, Channel, Correction, Critic, Filter
from rlvr_gym.agents.strategies import STRATEGIES, Chain, Greedy, Strategy, strategy_of, to_dict
from rlvr_gym.reward_shaping import Reward, make_shaping
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

AGGREGATIONS = ("token_mean", "token_sum", "seq_mean_token_sum", "seq_mean_token_mean", "seq_mean_token_sum_norm")
REGIONS = ("clip", "geometric", "weight", "penalty", "none", "gvpo", "qrpo")
REGRESSIONS = ("gvpo", "qrpo")
KL_ESTIMATORS = ("k1", "k2", "k3", "k3+")
KL_PLACES = ("loss", "reward")
SHARED = ("soft", "hard")
_NAMES = {
    "ratio": RATIOS,
    "region": REGIONS,
    "aggregation": AGGREGATIONS,
    "kl_estimator": KL_ESTIMATORS,
    "kl_place": KL_PLACES,
    "shared": SHARED,
}
_OF_A_LOSS = (
    *("ratio", "dual_clip", "clip_low", "clip_high", "whiten", "shared", "correction"),
    *("aggregation", "kl_coef", "entropy_coef", "penalty_target"),
)
_UNREAD: dict[str, tuple[str, ...]] = {
    "clip": ("beta", "penalty_target"),
    "geometric": ("ratio", "dual_clip", "clip_low", "beta", "penalty_target"),
    "weight": ("ratio", "dual_clip", "beta", "penalty_target"),
    "penalty": ("dual_clip", "clip_low", "clip_high"),
    "none": ("ratio", "dual_clip", "clip_low", "clip_high", "beta", "penalty_target"),
    **dict.fromkeys(REGRESSIONS, _OF_A_LOSS),
}

_CHAIN, _ALL = Chain(), Filter()
_REWARDS_ALONE = ((Channel(),), (Channel(scale="none"),))
_WITHOUT_GREEDY = tuple(kind for kind in STRATEGIES.values() if kind is not Greedy)


@dataclass(frozen=True)
class Recipe:
    """The pieces of a policy-gradient algorithm, in the order in which they act.

    Args:
        name: The algorithm's name as in its paper, lower case.
        rollout: How the trajectories of a prompt come about; a `strategies.Strategy`, or its settings as a mapping.
        group_size: Responses to one prompt (G).
        shaping: What is made of the rewards that they were paid: a reward that reads `given`, or its spec; see
            `reward_shaping.make_shaping`. None leaves them as they are.
        filter: Which groups and responses are learnt from.
        channels: Whose advantages are summed.
        critic: Who predicts returns, for channels with `baseline="value"`.
        whiten: Whether the tokens' advantages are brought to mean 0 and variance 1 over the batch.
        shared: Turns that several leaves of a tree have in common: `"soft"`: each leaf's row has them with its own
            advantage. `"hard"`: with the mean over the leaves (ARPO, section 3.3).
        ratio: Of what the ratio to the sampling policy is taken; see `losses.log_ratios`.
        region: What bounds an update. `"clip"`: `losses.clipped_policy_loss`. `"geometric"`: GMPO's,
            `losses.geometric_policy_loss`, with `clip_high` as its bound. `"weight"`: `losses.weighted_policy_loss`.
            `"penalty"`: PPO's other form, the divergence from the sampling policy with an adaptive coefficient.
            `"none"`: `losses.policy_gradient_loss`. `"gvpo"`, `"qrpo"`: regression of log ratios, without advantages.
        clip_low: The ratio's lower bound is `1 - clip_low`.
        clip_high: The ratio's upper bound is `1 + clip_high`.
        dual_clip: See `losses.clipped_policy_loss`.
        beta: Of `"gvpo"` and `"qrpo"`, and the first coefficient of `"penalty"`.
        penalty_target: Of `"penalty"`: the divergence that its coefficient is steered to.
        correction: Weights for a sampler that is another program; None where there is none.
        aggregation: See `losses.aggregate`. Its sequences, as those of `ratio`, are rows of tokens: an episode whose
            prompts were edited on the way, or that has several roles, is several (see `batch.episode_rows`).
        kl_coef: Weight of the KL to the reference policy; 0 keeps no reference.
        kl_estimator: See `losses.kl`.
        kl_place: In the `"loss"`, or in the `"reward"` of each token.
        kl_target: The divergence a response that the coefficient is steered to (arXiv 1909.08593); None: it is fixed.
        kl_horizon: See `losses.adapted_coefficient`.
        reference_every: Steps between two moves of the reference policy, which is the model at the start of training.
            0: it stays. 1 with a decay: a moving average.
        reference_decay: What is kept of the reference in a move, `decay * reference + (1 - decay) * policy`; 0: the
            policy takes its place (arXiv 2404.09656 calls these a soft and a hard update).
        entropy_coef: Weight of the policy's entropy, which is to be large, in the loss.
        updates: Passes over a rollout batch. The ratio is 1 at the first optimiser step, and where there is only one
            no bound of a ratio is ever in force.
        minibatches: Optimiser steps of one pass, each over its share of the groups, in an order drawn from the seed.
        from_base: Whether the updates of each step begin from the model at the start of training (ReST-EM).

    Raises:
        ConfigError: A piece has a refused value, or two do not fit each other.
    """

    name: str
    rollout: Strategy = _CHAIN
    group_size: int = 8
    shaping: Reward | None = None
    filter: Filter = _ALL
    channels: tuple[Channel, ...] = (Channel(),)
    critic: Critic | None = None
    whiten: bool = False
    shared: str = "soft"
    ratio: str = "token"
    region: str = "clip"
    clip_low: float = 0.2
    clip_high: float = 0.2
    dual_clip: float | None = None
    beta: float = 0.1
    penalty_target: float = 0.01
    correction: Correction | None = None
    aggregation: str = "seq_mean_token_mean"
    kl_coef: float = 0.0
    kl_estimator: str = "k3"
    kl_place: str = "loss"
    kl_target: float | None = None
    kl_horizon: float = 10_000.0
    reference_every: int = 0
    reference_decay: float = 0.0
    entropy_coef: float = 0.0
    updates: int = 1
    minibatches: int = 1
    from_base: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.channels, list | tuple) or not self.channels:
            raise ConfigError(f"channels must be a list of at least one, got {shown(self.channels)}")
        object.__setattr__(self, "channels", tuple(made_of(Channel, each) for each in self.channels))
        if self.shaping is not None:
            object.__setattr__(self, "shaping", make_shaping(self.shaping))
        object.__setattr__(self, "rollout", strategy_of(self.rollout))
        object.__setattr__(self, "filter", made_of(Filter, self.filter))
        for key, optional in (("critic", Critic), ("correction", Correction)):
            if getattr(self, key) is not None:
                object.__setattr__(self, key, made_of(optional, getattr(self, key)))
        check_names(self, _NAMES)
        check_counts(self, {"group_size": 1, "updates": 1, "minibatches": 1, "reference_every": 0})
        check_numbers(
            self, ("clip_low", "clip_high", "kl_coef", "beta", "penalty_target", "kl_horizon", "entropy_coef")
        )
        check_numbers(self, ("reference_decay",), most=1.0)
        check_flags(self, ("whiten", "from_base"))
        self._check_together()

    def _check_together(self) -> None:
        """Refuse pieces that do not fit each other."""
        if not 0 < self.clip_low <= 1 or self.clip_high <= 0:
            raise ConfigError(f"expected 0 < clip_low <= 1 and clip_high > 0; got {self.clip_low} and {self.clip_high}")
        for key, least in (("dual_clip", 1.0), ("kl_target", 0.0)):
            value = getattr(self, key)
            if value is not None:
                check_numbers(self, (key,))
                if value <= least:
                    raise ConfigError(f"{key} must be above {least:g}, got {shown(value)}")
        if self.kl_target is not None and not self.kl_coef:
            raise ConfigError("kl_target needs a coefficient to steer, which stays 0: set kl_coef above 0")
        if self.reference_every and not self.kl_coef:
            raise ConfigError("reference_every needs a divergence: set kl_coef above 0")
        if self.reference_decay and (self.reference_decay == 1 or not self.reference_every):
            raise ConfigError(
                f"reference_decay must be below 1 and needs reference_every of at least 1; got {self.reference_decay} "
                f"and {self.reference_every}"
            )
        compared = any(c.baseline in ("mean", "leave_one_out") and c.key != "batch" for c in self.channels)
        if self.group_size < 2 and (compared or self.region in REGRESSIONS):
            raise ConfigError(f"group_size must be at least 2: a group of one has no baseline; got {self.group_size}")
        valued = any(channel.baseline == "value" for channel in self.channels)
        if valued is (self.critic is None):
            raise ConfigError("a critic and a channel with baseline='value' need each other")
        self._check_advantages()
        check_read(self, {"region": _UNREAD})

    def _check_advantages(self) -> None:
        """Refuse channels that nothing reads, or that nothing tells what they need."""
        if self.region in REGRESSIONS:
            if not self.beta > 0:
                raise ConfigError(f"beta must be above 0 for {self.region}, got {self.beta}")
            if self.filter.dilute or (self.filter.samples != "advantage" and self.channels not in _REWARDS_ALONE):
                raise ConfigError(
                    f"region={self.region!r} is a regression of rewards, which reads no channels and no filter.dilute: "
                    "leave them out"
                )
        if any(channel.baseline == "greedy" for channel in self.channels) and type(self.rollout) in _WITHOUT_GREEDY:
            raise ConfigError(
                f"baseline='greedy' needs a greedy response to each prompt, and rollout={self.rollout.name!r} plays "
                "none: set rollout to 'greedy'"
            )
        if self.shared == "hard":
            if type(self.rollout) is Chain:
                raise ConfigError("shared='hard' is of turns that leaves share, and rollout='chain' grows no tree")
            if all(channel.level == "token" for channel in self.channels):
                raise ConfigError("shared='hard' is of channels of trajectories and steps, and there is none")

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Recipe:
        """A recipe from what `to_dict` gave.

        Raises:
            ConfigError: A setting is unknown or refused.
        """
        return made_of(cls, settings)

    def to_dict(self) -> dict[str, Any]:
        """All settings as JSON values.

        Example:
            >>> from rlvr_gym.agents import recipes
            >>> Recipe.of(recipes.get("grpo").to_dict()) == recipes.get("grpo")
            True
        """
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    def __str__(self) -> str:
        rows: list[tuple[str, str]] = []
        for key, value in self.to_dict().items():
            if isinstance(value, list):
                rows += [(f"{key} {n}", _line(each)) for n, each in enumerate(value, 1)] or [(key, "none")]
            else:
                rows.append((key, json.dumps(value) if key == "shaping" and value is not None else _line(value)))
        return "\n".join(f"{key:<15} {value}" for key, value in rows)


def _plain(value: Any) -> Any:
    if isinstance(value, Strategy):
        return to_dict(value)
    if isinstance(value, Reward):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if not is_dataclass(value) or isinstance(value, type):
        return value
    return {key: list(each) if isinstance(each, tuple) else each for key, each in asdict(value).items()}


def _line(value: Any) -> str:
    if value is None:
        return "none"
    return " ".join(f"{key}={each}" for key, each in value.items()) if isinstance(value, dict) else str(value)
