"""The pieces that an algorithm is made of, each a short frozen config without torch."""

from __future__ import annotations

from dataclasses import dataclass

from rlvr_gym.agents.checks import check_counts, check_flags, check_names, check_numbers, check_read, is_number
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

BASELINES = ("none", "mean", "leave_one_out", "greedy", "value")
SCALES = ("none", "group_std", "batch_std", "max_abs")
LEVELS = ("trajectory", "step", "token")
KEYS = ("group", "anchor", "tree", "thread", "batch")
OVER = ("units", "steps")
METRICS = ("passed", "reward")
GROUPS = ("all", "varied", "better", "band", "spread")
SAMPLES = ("all", "positive", "advantage")
CORRECTIONS = ("truncate", "mask")
RATIOS = ("token", "sequence", "geometric")
_OF_GROUPS = {"all": ("metric", "share", "low", "high"), "varied": ("share", "low", "high")}
_OF_GROUPS |= {"better": ("metric", "share", "low", "high"), "band": ("share",), "spread": ("low", "high")}
_OF_SAMPLES = {"all": ("keep", "above"), "positive": ("keep",), "advantage": ("above",)}


@dataclass(frozen=True)
class Channel:
    """One comparison of values with values; see `credit.channel_advantages` and `credit.token_channel`.

    Args:
        level: `"trajectory"`: the discounted sum of a trajectory's rewards, for all of its steps alike. `"step"`: the
            discounted sum from a step on. `"token"`: the discounted sum from a token on, which differs from that of its
            step where a divergence is part of the reward, or where there is a critic.
        key: With whom a value is compared: `"group"` (responses to one prompt), `"anchor"` (steps from one state),
            `"tree"` (leaves of one tree), `"thread"` (one role of one prompt), `"batch"` (all).
        baseline: `"none"`, `"mean"` or `"leave_one_out"`: see `advantages.advantages`. `"greedy"`: the reward of the
            prompt's greedy response (ReMax). `"value"`: what the critic predicts, with `trace` (GAE); of tokens alone.
        scale: See `advantages.advantages`; the deviation is that of the key. `"none"` for tokens: whiten instead.
        eps: Added to the scale.
        weight: Factor of the channel.
        discount: Per step, or per token, in [0, 1].
        over: What a trajectory's statistics run over: `"units"` counts each trajectory once, `"steps"` once a step, as
            the public code of GiGPO does.
        trace: Lambda of GAE, in [0, 1]; of `baseline="value"`.
        similarity: Of `key="anchor"`, in (0, 1]. 1: steps from one hidden state are compared. Below 1: steps that were
            shown what is alike by this `difflib` ratio (0.95 in GiGPO's public code), for environments whose states
            hardly ever repeat. Which steps those are depends on their order; see `anchors.clustered`.

    Raises:
        ConfigError: There is no such name, a number is out of range, or the pieces do not fit each other.
    """

    level: str = "trajectory"
    key: str = "group"
    baseline: str = "mean"
    scale: str = "group_std"
    eps: float = 1e-6
    weight: float = 1.0
    discount: float = 1.0
    over: str = "units"
    trace: float = 1.0
    similarity: float = 1.0

    def __post_init__(self) -> None:
        check_names(self, {"level": LEVELS, "key": KEYS, "baseline": BASELINES, "scale": SCALES, "over": OVER})
        check_numbers(self, ("eps", "weight"))
        check_numbers(self, ("discount", "trace", "similarity"), most=1.0)
        if not self.similarity or (self.similarity < 1 and self.key != "anchor"):
            raise ConfigError(
                f"similarity must be above 0, and below 1 only with key='anchor'; got {self.similarity} with "
                f"key={self.key!r}"
            )
        if self.level == "trajectory" and self.key in ("anchor", "thread"):
            raise ConfigError(f"whole trajectories cannot be compared by {self.key}: choose level='step'")
        if self.level == "token":
            if self.baseline in ("mean", "leave_one_out") or self.scale != "none":
                raise ConfigError("tokens have a baseline of none, greedy or value and scale='none'; see Recipe.whiten")
        elif self.baseline == "value":
            raise ConfigError("baseline='value' is of tokens: choose level='token'")


@dataclass(frozen=True)
class Critic:
    """A model that predicts the return before each token, trained beside the policy.

    Args:
        separate: A copy of the starting model with a head of its own; else a head on the policy's hidden states, whose
            loss also moves the policy's body.
        learning_rate: Of the critic, as a multiple of the policy's.
        coef: Weight of its loss.
        clip: How far a prediction may move from that at sampling time; None for no bound.
        warmup: Steps in which the critic learns and the policy does not.
    """

    separate: bool = True
    learning_rate: float = 1.0
    coef: float = 1.0
    clip: float | None = 0.2
    warmup: int = 0

    def __post_init__(self) -> None:
        check_flags(self, ("separate",))
        check_numbers(self, ("learning_rate", "coef"))
        check_counts(self, {"warmup": 0})
        if self.clip is not None:
            check_numbers(self, ("clip",))


@dataclass(frozen=True)
class Filter:
    """Which groups and which responses are learnt from.

    Args:
        groups: `"all"`; `"varied"`: those whose metric is not the same for all (DAPO, Reinforce-Rej); `"better"`:
            those of which some pass and some fail, or the best has a greater reward than the middle one, so that groups
            without news, in which some are only worse than most, do not teach a policy to try nothing; `"band"`: those
            whose mean is within `low` and `high` (PRIME); `"spread"`: the `share` with the largest deviation (RAGEN,
            UFO).
        metric: Of what: `"passed"`, which shaping cannot touch, or `"reward"`.
        refill: Rounds of prompts, the first among them, that are tried until as many groups are kept as a step has
            prompts; 0 and 1: no further round. What is left over is dropped. Where the rounds do not suffice the step
            is smaller.
        share: Of `"spread"`.
        low: Of `"band"`.
        high: Of `"band"`.
        samples: `"all"`; `"positive"`: those with a reward over `above` (RAFT); `"advantage"`: of each group the share
            `keep` with the largest size of the advantage (CPPO), after all statistics.
        keep: Of `samples="advantage"`.
        above: Of `samples="positive"`: what a reward must exceed to be learnt from, in each pass over a rollout, the
            last for all further passes; they do not fall (ReST). Rewards that pay for a part of an answer need one
            that only whole answers exceed: with 0, what failed with a part is imitated too.
        finished: Whether responses that were cut off at the length limit are left out of the loss (DAPO's overlong
            filtering); their rewards stay in all statistics.
        dilute: Whether responses that are left out still count in the denominators, as in RAFT's public code, so that
            the step grows with the share that is kept.

    Where `"spread"` or `"advantage"` could keep either of two equal values, it keeps the earlier; samples of a prompt
    are drawn alike, so that their order says nothing, unless a strategy (`branch`, `replay`) makes them in turn.

    Raises:
        ConfigError: There is no such name, a number is out of range, or a piece would not be read.
    """

    groups: str = "all"
    metric: str = "passed"
    refill: int = 0
    share: float = 1.0
    low: float = 0.0
    high: float = 1.0
    samples: str = "all"
    keep: float = 1.0
    above: tuple[float, ...] = (0.0,)
    finished: bool = False
    dilute: bool = False

    def __post_init__(self) -> None:
        check_names(self, {"groups": GROUPS, "metric": METRICS, "samples": SAMPLES})
        check_counts(self, {"refill": 0})
        check_numbers(self, ("share", "keep"), most=1.0)
        check_numbers(self, ("low", "high"))
        check_flags(self, ("finished", "dilute"))
        if self.refill and self.groups not in ("varied", "band"):
            raise ConfigError(f"refill needs groups='varied' or 'band', got {self.groups!r}")
        if self.low > self.high:
            raise ConfigError(f"low must not be above high, got {self.low} and {self.high}")
        for name in ("share", "keep"):
            if not getattr(self, name):
                raise ConfigError(f"{name} must be above 0: nothing would be learnt from")
        self._check_above()
        check_read(self, {"groups": _OF_GROUPS, "samples": _OF_SAMPLES})
        if self.dilute and self.samples == "all" and not self.finished:
            raise ConfigError("dilute would not be read: no response is left out with samples='all', finished=false")

    def _check_above(self) -> None:
        """Refuse thresholds that are no numbers of at least 0, or that fall; make them a tuple."""
        given = self.above
        numbers = [given] if isinstance(given, int | float) else given
        if not isinstance(numbers, list | tuple) or not numbers or not all(is_number(each) for each in numbers):
            raise ConfigError(f"above must be a list of numbers of at least 0, got {shown(given)}")
        if list(numbers) != sorted(numbers):
            raise ConfigError(f"above must not fall from pass to pass, got {shown(given)}")
        object.__setattr__(self, "above", tuple(map(float, numbers)))


@dataclass(frozen=True)
class Correction:
    """Weights for the case that one program samples and another trains; see `losses.sampler_correction`."""

    mode: str = "truncate"
    level: str = "token"
    low: float = 0.0
    high: float = 2.0

    def __post_init__(self) -> None:
        check_names(self, {"mode": CORRECTIONS, "level": RATIOS})
        check_numbers(self, ("low", "high"))
        if not self.low <= 1 <= self.high:
            raise ConfigError(f"expected low <= 1 <= high, got {shown(self.low)} and {shown(self.high)}")
