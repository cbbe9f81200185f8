"""What users type: environment ids with `key=value` knobs, policy specs, lists of k."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym

from rlvr_gym.agents import Policy, ReplayPolicy, ScriptedPolicy, Spread
from rlvr_gym.benchmarks import make_env
from rlvr_gym.cli.console import warn
from rlvr_gym.envs import Task, TextEnv
from rlvr_gym.envs.knobs import keywords
from rlvr_gym.registration import COMPOSITES, ENTRY_POINTS
from rlvr_gym.verifiers import ConfigError, UnknownNameError
from rlvr_gym.verifiers.errors import shown, suggestion

if TYPE_CHECKING:
    from rlvr_gym.agents import LanguageModel
    from rlvr_gym.agents.server_policy import ServerPolicy

_MOST_KS = 10_000
_PROMPTS_READ = 256
POLICY_HELP = (
    "scripted:P (known success probability), scripted:LOW-HIGH (spread over tasks), "
    "replay:FILE (recorded responses), model:FOLDER (a transformers folder), "
    "server:URL#MODEL (behind an OpenAI-compatible server)"
)
_POLICIES = ("scripted", "replay", "model", "server")


def parse_settings(words: Sequence[str]) -> dict[str, Any]:
    """`["digits=3", "style=compact"]` to a dict; values are JSON where they parse as JSON, else text.

    Raises:
        ConfigError: A word has no `=`, or a key stands twice.

    Example:
        >>> parse_settings(["digits=[1,2]", "style=compact", "reward=dense"])
        {'digits': [1, 2], 'style': 'compact', 'reward': 'dense'}
    """
    settings: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise ConfigError(f"expected key=value, got {word!r}")
        if key in settings:
            raise ConfigError(f"{key} is given twice")
        try:
            settings[key] = json.loads(text)
        except (ValueError, RecursionError):
            settings[key] = text
    return settings


def parse_spec(text: str | None) -> Any:
    """A spec on the command line: JSON where it parses as JSON, else a name; None where there is none.

    Raises:
        ConfigError: It begins as JSON does and is none.

    Example:
        >>> parse_spec('{"cosine_mix": {"steps": 9}}'), parse_spec("delta_two_stage")
        ({'cosine_mix': {'steps': 9}}, 'delta_two_stage')
    """
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip().startswith(("{", "[", '"')):
            raise ConfigError(f"a spec is a name or JSON, and this is no JSON ({error}): {shown(text)}") from error
        return text


def checked_env(env_id: str, kwargs: Mapping[str, Any]) -> str:
    """Refuse an unknown id or keyword with near matches; gives the full id.

    Raises:
        UnknownNameError: The id is not registered.
        ConfigError: It has no such keyword.
    """
    env_id = env_id.removeprefix("rlvr_gym:")
    if ":" in env_id.strip(":"):
        return env_id
    full = env_id if env_id.startswith("rlvr/") else f"rlvr/{env_id}"
    if full not in ENTRY_POINTS and full not in COMPOSITES:
        raise UnknownNameError("environment", env_id, ENTRY_POINTS)
    known = keywords(full)
    if "render_mode" in kwargs:
        raise ConfigError("render_mode is for Python code: the command line renders nothing")
    for key in kwargs:
        if key not in known:
            raise ConfigError(f"{full} has no keyword {key!r}{suggestion(key, known)}")
    return full


def env_factory(env_id: str, kwargs: Mapping[str, Any]) -> Callable[[], gym.Env[str, str]]:
    """A function that builds one environment of this kind; the first is built at once, so that mistakes show early."""
    full = checked_env(env_id, kwargs)
    if not isinstance(make_env(full, kwargs).observation_space, gym.spaces.Text):
        raise ConfigError(f"{full} is no environment of texts: its observations are not strings")
    return lambda: make_env(full, kwargs)


def parse_ks(text: str | None) -> tuple[int, ...]:
    """`"1,2,8"` or `"1-8"` to values of k; nothing to an empty tuple.

    Raises:
        ConfigError: It is neither.

    Example:
        >>> parse_ks("1-4,8")
        (1, 2, 3, 4, 8)
    """
    values: list[int] = []
    for part in (text or "").split(",") if text else []:
        low, dash, high = part.partition("-")
        try:
            first, last = int(low), int(high if dash else low)
        except ValueError as error:
            raise ConfigError(f"expected values of k such as 1,2,4 or 1-8, got {text!r}") from error
        if not first <= last < first + _MOST_KS:
            raise ConfigError(f"a range of k rises and holds at most {_MOST_KS:,} values, got {part!r}")
        values += range(first, last + 1)
    return tuple(values)


@dataclass(frozen=True)
class PolicySpec:
    """A policy as it was typed.

    Args:
        kind: `"scripted"`, `"replay"`, `"model"` or `"server"`.
        rest: What follows the colon.
    """

    kind: str
    rest: str

    @classmethod
    def parse(cls, text: str) -> PolicySpec:
        """Read `kind:rest`.

        Raises:
            ConfigError: Unknown kind, or nothing follows.
        """
        kind, _, rest = text.partition(":")
        if kind not in _POLICIES:
            raise ConfigError(f"unknown policy {text!r}{suggestion(kind, _POLICIES)}: {POLICY_HELP}")
        if not rest:
            raise ConfigError(f"policy {kind!r} needs more: {POLICY_HELP}")
        return cls(kind, rest)


def content_digest(path: Path) -> str:
    """A hash of a file, or of the weights in a model folder; empty where there is neither.

    It is part of a run's identity: samples of a model that was trained further under the same name are another run's.
    """
    files = [path] if path.is_file() else sorted(path.glob("*.safetensors")) if path.is_dir() else []
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as data:
            digest.update(hashlib.file_digest(data, "sha256").digest())
    return digest.hexdigest()[:16] if files else ""


def scripted(rest: str, env: TextEnv) -> Callable[[Sequence[Task]], Policy]:
    """A scripted policy in an environment from `"0.3"` or `"0.02-0.4"`.

    Raises:
        ConfigError: It is neither.
    """
    parts = [rest] if _is_number(rest) else list(rest.partition("-")[::2])
    if not all(_is_number(part) for part in parts):
        raise ConfigError(f"expected scripted:P or scripted:LOW-HIGH, got scripted:{rest}")
    probability = float(rest) if len(parts) == 1 else Spread(*map(float, parts))
    return lambda tasks: ScriptedPolicy(tasks, probability, env)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def replay(rest: str, env: gym.Env[str, str], label: str | None, where: Mapping[str, Any]) -> ReplayPolicy:
    """A replay policy whose prompts are put into the environment's template."""
    template = getattr(env.unwrapped, "template", "{prompt}")
    return ReplayPolicy.from_file(rest, template=template, label=label, where=dict(where))


def model(rest: str, env: gym.Env[str, str], *, max_new_tokens: int, temperature: float) -> Policy:
    """A policy over a transformers folder."""
    from rlvr_gym.agents import TransformersPolicy, load_model

    lm = load_model(rest)
    if missing := unreadable(lm, env, max_new_tokens):
        warn(f"note: {missing}")
    return TransformersPolicy(lm, max_new_tokens=max_new_tokens, temperature=temperature)


def server(rest: str, *, max_new_tokens: int, temperature: float) -> ServerPolicy:
    """A policy behind a server, from `"http://localhost:8000/v1#model"`; without a model, the only one there is."""
    from rlvr_gym.agents.server_policy import ServerPolicy

    url, _, name = rest.partition("#")
    return ServerPolicy(url, name or None, max_new_tokens=max_new_tokens, temperature=temperature)


def unreadable(lm: LanguageModel, env: gym.Env[str, str], max_new_tokens: int) -> str:
    """Why the model cannot read or answer some of the environment's first prompts in full; empty where it can."""
    from rlvr_gym.agents.models import unknown_characters

    if not isinstance(env.unwrapped, TextEnv):
        return ""
    tasks = env.unwrapped.taskset.distinct(_PROMPTS_READ)
    texts = [text for task in tasks for text in (task.prompt, *env.unwrapped.expert(task))]
    if missing := unknown_characters(lm, texts):
        return f"the tokenizer has no token for {missing!r}, which prompts or solutions hold: they become <unk>"
    context = getattr(lm.model.config, "max_position_embeddings", None)
    longest = max(len(lm.tokenizer(task.prompt)["input_ids"]) for task in tasks)
    if context is not None and longest + max_new_tokens > context:
        return (
            f"a prompt of {longest} tokens and a response of {max_new_tokens} exceed the model's context of {context}"
        )
    return ""
