"""`TokenEnv`: the token-level decision process under any text environment, for learners whose action is one token.

An action is a token, the state is all tokens so far, an observation is the last `window` of them. What the environment
says is appended between turns; only the policy's tokens are actions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Protocol, runtime_checkable

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray
from rlvr_gym.envs.action import TextAction
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import check_int, check_text
from rlvr_gym.envs.text_env import EpisodeOverError, Info
from rlvr_gym.verifiers import ConfigError, RlvrError
from rlvr_gym.verifiers.errors import shown

Tokens = NDArray[np.int64]
Reference = Callable[[Sequence[int]], Any]

PRINTABLE = "".join(chr(code) for code in range(32, 127)) + "\n"
_NORMALISED = 0.05  # half-precision log-probabilities of a large vocabulary add up to 1 no better


class TokenError(RlvrError, ValueError):
    """A token outside the vocabulary, or a text that no tokens stand for."""


@runtime_checkable
class Tokenizer(Protocol):
    """What `TokenEnv` needs of a tokenizer. Ids are 0 to `vocab_size` - 1; `eos_id` is one of them."""

    @property
    def vocab_size(self) -> int:
        """Number of tokens, special ones included."""

    @property
    def eos_id(self) -> int:
        """The token that ends a turn."""

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, none of them special."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens."""


@dataclass(frozen=True)
class CharTokenizer:
    """One token a character, in the order of the alphabet, and the end token after them.

    Args:
        alphabet: The characters, each once.
        unknown: A character of the alphabet that stands for all that are not in it; None to refuse these.

    Raises:
        ConfigError: The alphabet is empty or repeats a character, or `unknown` is not in it.

    Example:
        >>> tokenizer = CharTokenizer("0123456789+=")
        >>> tokenizer.encode("3+14="), tokenizer.decode([1, 7]), tokenizer.eos_id, tokenizer.vocab_size
        ([3, 10, 1, 4, 11], '17', 12, 13)
    """

    alphabet: str
    unknown: str | None = None
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        alphabet = check_text("alphabet", self.alphabet)
        ids = {character: i for i, character in enumerate(alphabet)}
        if not alphabet or len(ids) != len(alphabet):
            raise ConfigError(f"alphabet must hold each character once, got {shown(alphabet)}")
        if self.unknown is not None and self.unknown not in ids:
            raise ConfigError(f"unknown must be a character of the alphabet or None, got {shown(self.unknown)}")
        object.__setattr__(self, "_ids", ids)

    @property
    def vocab_size(self) -> int:
        """See `Tokenizer`."""
        return len(self.alphabet) + 1

    @property
    def eos_id(self) -> int:
        """See `Tokenizer`."""
        return len(self.alphabet)

    def encode(self, text: str) -> list[int]:
        """See `Tokenizer`.

        Raises:
            TokenError: The text has characters that the alphabet lacks.
        """
        if self.unknown is None and (missing := set(text) - self._ids.keys()):
            raise TokenError(
                f"the alphabet lacks {shown(''.join(sorted(missing)))} of the text {shown(text)}: add these, or name a "
                "character that stands for all others, CharTokenizer(alphabet, unknown='?')"
            )
        instead = self._ids.get(self.unknown or "", -1)
        return [self._ids.get(character, instead) for character in text]

    def decode(self, ids: Sequence[int]) -> str:
        """See `Tokenizer`; the end token stands for no text.

        Raises:
            TokenError: An id is outside the vocabulary.
        """
        for i in ids:
            if not 0 <= i <= self.eos_id:
                raise TokenError(f"a token is an integer from 0 to {self.eos_id}, got {shown(i)}")
        return "".join(self.alphabet[i] for i in ids if i != self.eos_id)


class TokenEnv(gym.Wrapper[Any, Any, str, str], RecordConstructorArgs):
    r"""One step, one token.

    **Actions** are `Discrete(vocab_size)`. A turn ends with the end token, or with `max_new_tokens` tokens; then its
    text is given to the text environment as a `TextAction` with `finish_reason` `"stop"` or `"length"`, and what that
    answers is appended to the tokens. The end token is no part of the text, and stays among the tokens.

    **Observations** are the last `window` tokens, oldest first, padded on the left with the id `vocab_size`:
    `MultiDiscrete([vocab_size + 1] * window)`. Of a longer prompt the learner sees the end alone.

    **Rewards.** The token that ends a turn gets the text environment's reward, the others 0. Flags are the text
    environment's; the end of a turn is no end of an episode.

    **The divergence from a reference.** An environment does not know the policy's probabilities. For a response y of
    tokens a_t, drawn from the policy p in states s_t, with H for entropy and E for the mean under p,

        KL(p || ref) = E[log p(y) - log ref(y)] = - sum_t E[H(p(.|s_t))] - sum_t E[log ref(a_t|s_t)].

    So, without discount, E[R] - c KL(p || ref) is the mean of the rewards r_t + c log ref(a_t|s_t), which are given
    here (`kl_coef` is c), plus c times the entropies, which are the learner's to add. Adding -c log p(a_t|s_t) to each
    reward before returns are computed is exact. An entropy bonus of the same coefficient in the loss is exact for
    responses of one token; for longer ones it credits no token with the entropy of those that follow, and what it
    leads to may be worse than the reference itself: `benchmarks/studies/token_ppo` measures both.

    **Info** at `reset` and where a turn ends is the text environment's, with `token_ids` (what it appended) and, where
    a turn ends, `finish_reason`. At every step it has `reward_terms` (their sum is the reward; `reference` is that
    one's part) and, with a reference, `reference_logprob`.

    Args:
        env: A text environment, wrapped or not.
        tokenizer: A `Tokenizer`, a tokenizer of transformers, or an alphabet (a text) for a `CharTokenizer`.
        window: Tokens that are observed, at least 1.
        max_new_tokens: Tokens of a turn, at least 1, the end token included.
        kl_coef: Weight of the divergence from the reference, at least 0.
        reference: From all tokens so far to log-probabilities of the next one, over the whole vocabulary.
        gamma: Discount of this decision process, for learners to read; rewards are not discounted here.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> inner = gym.make("rlvr_gym:rlvr/Arithmetic-v0", style="compact", digits=1)
        >>> env = TokenEnv(inner, "0123456789+=", window=6, max_new_tokens=3)
        >>> observation, info = env.reset(options={"task_index": 0})
        >>> info["messages"][0]["content"], observation.tolist()
        ('6+1=', [13, 13, 6, 10, 1, 11])
        >>> for token in (7, 12):
        ...     observation, reward, terminated, truncated, info = env.step(token)
        >>> observation.tolist(), reward, terminated, info["passed"]
        ([6, 10, 1, 11, 7, 12], 1.0, True, True)
    """

    def __init__(
        self,
        env: gym.Env[str, str],
        tokenizer: Any,
        *,
        window: int = 32,
        max_new_tokens: int = 16,
        kl_coef: float = 0.0,
        reference: Reference | None = None,
        gamma: float = 1.0,
    ) -> None:
        settings = {"window": window, "max_new_tokens": max_new_tokens, "kl_coef": kl_coef, "gamma": gamma}
        RecordConstructorArgs.__init__(  # without copies: a reference may be a large model
            self, _disable_deepcopy=True, tokenizer=tokenizer, reference=reference, **settings
        )
        gym.Wrapper.__init__(self, env)
        for name, space in (("observations", env.observation_space), ("actions", env.action_space)):
            if not isinstance(space, spaces.Text):
                raise ConfigError(f"TokenEnv wraps an environment whose {name} are text, got {shown(space)}")
        self.tokenizer = _as_tokenizer(tokenizer)
        self.window = check_int("window", window, 1, None)
        self.max_new_tokens = check_int("max_new_tokens", max_new_tokens, 1, None)
        self.kl_coef = _check_number("kl_coef", kl_coef, None)
        self.gamma = _check_number("gamma", gamma, 1.0)
        if reference is None and kl_coef:
            raise ConfigError(f"kl_coef is {kl_coef} and there is no reference: give one, or leave kl_coef at 0")
        self.reference = reference
        self.pad_id = self.tokenizer.vocab_size
        self.action_space = spaces.Discrete(self.pad_id)
        self.observation_space = spaces.MultiDiscrete([self.pad_id + 1] * window)
        self._tokens: list[int] = []
        self._spoken = 0  # tokens of the turn under way: the last ones
        self._over = True

    @property
    def tokens(self) -> tuple[int, ...]:
        """All tokens of the episode so far: the state."""
        return tuple(self._tokens)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Tokens, Info]:
        """Begin an episode of the text environment, whose seeds and options these are; see the class.

        Raises:
            TokenError: The observation cannot be encoded.
        """
        self._over = True  # if anything below fails, there is no episode
        text, info = self.env.reset(seed=seed, options=options)
        ids = self.tokenizer.encode(text)
        self._tokens, self._spoken, self._over = list(ids), 0, False
        return self._observation(), {**info, "token_ids": ids}

    def step(self, action: Any) -> tuple[Tokens, float, bool, bool, Info]:
        """Say one token; see the class.

        Raises:
            EpisodeOverError: The episode is over or was never begun.
            TypeError: The action is not an integer.
            TokenError: It is outside the vocabulary, or the next observation cannot be encoded.
            ConfigError: The reference gives no log-probabilities, or none to this token.
        """
        if self._over:
            raise EpisodeOverError("the episode is over or was never begun: call reset() before step()")
        token = self._checked(action)
        extra = {} if self.reference is None else {"reference_logprob": self._logprob(self.reference, token)}
        terms = {"reference": self.kl_coef * extra["reference_logprob"]} if self.kl_coef else {}
        self._tokens.append(token)
        self._spoken += 1
        terminated = truncated = False
        info: Info = {}
        if token == self.tokenizer.eos_id or self._spoken == self.max_new_tokens:
            reward, terminated, truncated, info = self._end_turn()
            terms = {**_terms(reward, info), **terms}
        info = {**info, "reward_terms": terms, **extra}
        return self._observation(), float(sum(terms.values())), terminated, truncated, info

    def get_state(self) -> dict[str, Any]:
        """What a snapshot keeps of this wrapper; JSON."""
        return {"tokens": list(self._tokens), "spoken": self._spoken, "over": self._over}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """The inverse of `get_state`.

        Raises:
            SnapshotError: It is no such state, or one over another vocabulary.
        """
        match state:
            case {"tokens": [*tokens], "spoken": int(spoken), "over": bool(over)} if 0 <= spoken <= len(tokens) and all(
                type(i) is int and 0 <= i < self.pad_id for i in tokens
            ):
                self._tokens, self._spoken, self._over = tokens, spoken, over
            case _:
                raise SnapshotError(f"not a state of a TokenEnv over {self.pad_id} tokens: {shown(state)}")

    def restored(self, observation: str, info: Info) -> tuple[Tokens, Info]:
        """What a policy sees after a restore; `token_ids` are all tokens so far, as `messages` are all messages."""
        return self._observation(), {**info, "token_ids": list(self._tokens)}

    def _observation(self) -> Tokens:
        recent = self._tokens[-self.window :]
        seen = np.full(self.window, self.pad_id, dtype=np.int64)
        seen[self.window - len(recent) :] = recent
        return seen

    def _end_turn(self) -> tuple[float, bool, bool, Info]:
        """Give the turn's text to the text environment, and take in what it answers."""
        said = self._tokens[len(self._tokens) - self._spoken :]
        ended = said[-1] == self.tokenizer.eos_id
        finish_reason = "stop" if ended else "length"
        action = TextAction(self.tokenizer.decode(said[:-1] if ended else said), finish_reason=finish_reason)
        self._over = True  # if anything below fails, there is no episode
        text, reward, terminated, truncated, info = self.env.step(action)
        ids = self.tokenizer.encode(text)
        self._tokens += ids
        self._spoken, self._over = 0, bool(terminated or truncated)
        return float(reward), terminated, truncated, {**info, "token_ids": ids, "finish_reason": finish_reason}

    def _checked(self, action: Any) -> int:
        scalar = action[()] if isinstance(action, np.ndarray) and action.shape == () else action
        if isinstance(scalar, bool) or not isinstance(scalar, int | np.integer):
            raise TypeError(f"an action is a token, an integer, got {type(action).__name__}: {shown(action)}")
        if not 0 <= scalar < self.pad_id:
            raise TokenError(f"a token is an integer from 0 to {self.pad_id - 1}, got {shown(scalar)}")
        return int(scalar)

    def _logprob(self, reference: Reference, token: int) -> float:
        logprobs_V = np.asarray(reference(tuple(self._tokens)), dtype=np.float64)
        with np.errstate(over="ignore"):
            total = float(np.exp(logprobs_V).sum())
        if logprobs_V.shape != (self.pad_id,) or not abs(total - 1) < _NORMALISED:
            raise ConfigError(
                f"the reference must give log-probabilities of {self.pad_id} tokens, got an array of shape "
                f"{logprobs_V.shape} whose exponentials add up to {total:.4g}"
            )
        logprob = float(logprobs_V[token])
        if not isfinite(logprob):
            raise ConfigError(
                f"the reference gives token {token} no probability, and the divergence from it is infinite: smooth it"
            )
        return logprob


def make_token_env(
    env: str = "rlvr/Arithmetic-v0",
    settings: Mapping[str, Any] | None = None,
    *,
    alphabet: str = PRINTABLE,
    tokenizer: Any = None,
    **keywords: Any,
) -> TokenEnv:
    """A registered text environment as a `TokenEnv`: the entry point of `rlvr/Token-v0`.

    There is no `render_mode`: it belongs to the text environment's settings.

    Args:
        env: Id of the text environment, as `gymnasium.make` takes it.
        settings: Its keywords.
        alphabet: Characters, one token each; printable ASCII by default.
        tokenizer: Another tokenizer instead; see `TokenEnv`.
        **keywords: Those of `TokenEnv`.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> env = make_token_env("rlvr/Arithmetic-v0", {"style": "compact"}, alphabet="0123456789+=", window=8)
        >>> env.action_space, env.observation_space.shape
        (Discrete(13), (8,))
    """
    made = gym.make(check_text("env", env), **(settings or {}))
    return TokenEnv(made, alphabet if tokenizer is None else tokenizer, **keywords)


class _OfTransformers:
    """A tokenizer of the library transformers as a `Tokenizer`; that library is not imported here.

    A text that spells a special token is not read as one, so that no environment ends a turn by quoting it.
    """

    def __init__(self, tokenizer: Any) -> None:
        if tokenizer.eos_token_id is None:
            raise ConfigError("the tokenizer has no end token: set its eos_token first")
        self.tokenizer, self.vocab_size, self.eos_id = tokenizer, len(tokenizer), int(tokenizer.eos_token_id)

    def encode(self, text: str) -> list[int]:
        ids, unknown = self._ids(text), self.tokenizer.unk_token_id
        if unknown is not None and unknown in ids:
            missing = sorted(character for character in set(text) if unknown in self._ids(character))
            raise TokenError(f"the tokenizer has no token for {shown(''.join(missing))} of the text {shown(text)}")
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])


def _as_tokenizer(value: Any) -> Tokenizer:
    if isinstance(value, str):
        return CharTokenizer(value)
    tokenizer = _OfTransformers(value) if hasattr(value, "eos_token_id") else value
    if not isinstance(tokenizer, Tokenizer):
        raise ConfigError(
            "tokenizer must have encode, decode, vocab_size and eos_id, or be a tokenizer of transformers, or an "
            f"alphabet; got {shown(value)}"
        )
    if not 0 <= tokenizer.eos_id < tokenizer.vocab_size:
        raise ConfigError(f"the end token {tokenizer.eos_id} is none of the {tokenizer.vocab_size} tokens")
    return tokenizer


def _terms(reward: float, info: Info) -> dict[str, float]:
    """The text environment's reward terms; one of its own where there are none, or a wrapper changed the reward."""
    terms = info.get("reward_terms")
    return dict(terms) if terms is not None and float(sum(terms.values())) == reward else {"reward": reward}


def _check_number(name: str, value: Any, high: float | None) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not isfinite(value) or value < 0 or (high is not None and value > high):
        wanted = "a number of at least 0" if high is None else f"a number from 0 to {high:g}"
        raise ConfigError(f"{name} must be {wanted}, got {shown(value)}")
    return float(value)
