"""Agents: policies, rollouts, pure pieces of learning, recipes and a trainer.

What needs torch (`TransformersPolicy`, `Trainer`, `warm_start`, models) is imported when it is first asked for.
"""

if not __name__.startswith("rlvr_gym."):
    raise ImportError(
        "this folder is rlvr_gym.agents: install the project (pip install -e .) and `import rlvr_gym.agents`; "
        "the bare name `agents` belongs to another distribution"
    )

import importlib
from typing import TYPE_CHECKING, Any

from rlvr_gym.agents import recipes
from rlvr_gym.agents.asking import AsyncPolicy
from rlvr_gym.agents.driver import rollout, whole_groups
from rlvr_gym.agents.episode import Episode, Turn, tool_totals
from rlvr_gym.agents.inflight import Finished
from rlvr_gym.agents.lockstep import collect
from rlvr_gym.agents.notices import TrainingError
from rlvr_gym.agents.play import Play
from rlvr_gym.agents.policy import Completion, Policy, Request, seed_from
from rlvr_gym.agents.replay import NoRecordingError, Recording, ReplayPolicy
from rlvr_gym.agents.scripted import ScriptedPolicy, Spread
from rlvr_gym.agents.server_client import BackendError, RefusedError
from rlvr_gym.agents.server_policy import ServerPolicy
from rlvr_gym.agents.vllm_policy import VllmPolicy
from rlvr_gym.verifiers import MissingExtraError

if TYPE_CHECKING:
    from rlvr_gym.agents.imitation import WarmStartConfig, warm_start
    from rlvr_gym.agents.models import PRESETS, LanguageModel, build_preset, load_model
    from rlvr_gym.agents.ranks import Ranks
    from rlvr_gym.agents.train_config import TrainConfig
    from rlvr_gym.agents.trainer import Trainer
    from rlvr_gym.agents.transformers_policy import TransformersPolicy

_NEEDS_TORCH = {
    "LanguageModel": "rlvr_gym.agents.models",
    "PRESETS": "rlvr_gym.agents.models",
    "Ranks": "rlvr_gym.agents.ranks",
    "TrainConfig": "rlvr_gym.agents.train_config",
    "Trainer": "rlvr_gym.agents.trainer",
    "TransformersPolicy": "rlvr_gym.agents.transformers_policy",
    "WarmStartConfig": "rlvr_gym.agents.imitation",
    "build_preset": "rlvr_gym.agents.models",
    "load_model": "rlvr_gym.agents.models",
    "warm_start": "rlvr_gym.agents.imitation",
}

__all__ = [
    "PRESETS",
    "AsyncPolicy",
    "BackendError",
    "Completion",
    "Episode",
    "Finished",
    "LanguageModel",
    "NoRecordingError",
    "Play",
    "Policy",
    "Ranks",
    "Recording",
    "RefusedError",
    "ReplayPolicy",
    "Request",
    "ScriptedPolicy",
    "ServerPolicy",
    "Spread",
    "TrainConfig",
    "Trainer",
    "TrainingError",
    "TransformersPolicy",
    "Turn",
    "VllmPolicy",
    "WarmStartConfig",
    "build_preset",
    "collect",
    "load_model",
    "recipes",
    "rollout",
    "seed_from",
    "tool_totals",
    "warm_start",
    "whole_groups",
]


def __getattr__(name: str) -> Any:
    if name not in _NEEDS_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(_NEEDS_TORCH[name])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in {"torch", "transformers", "tokenizers", "safetensors"}:
            raise MissingExtraError(str(error.name), "agents", f"rlvr_gym.agents.{name}") from error
        raise
    return getattr(module, name)
