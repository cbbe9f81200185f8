"""Sandboxes: run untrusted programs and say which isolation was in force.

One protocol (`run`, `run_batch`), several back ends: a warm fork-server (the default on Linux), bubblewrap, Docker, a
remote service, and a plain subprocess where nothing better exists.
"""

from rlvr_gym.verifiers.sandbox.base import Sandbox
from rlvr_gym.verifiers.sandbox.languages import LANGUAGES, Language, languages_here
from rlvr_gym.verifiers.sandbox.registry import make_sandbox, sandbox_names
from rlvr_gym.verifiers.sandbox.spec import LAYERS, LEVELS, Isolation, Limits, RunResult, RunSpec, SandboxError

__all__ = [
    "LANGUAGES",
    "LAYERS",
    "LEVELS",
    "Isolation",
    "Language",
    "Limits",
    "RunResult",
    "RunSpec",
    "Sandbox",
    "SandboxError",
    "languages_here",
    "make_sandbox",
    "sandbox_names",
]
