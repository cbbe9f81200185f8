"""Benchmarks: pass@k curves of a policy, and the paired comparison of two."""

if not __name__.startswith("rlvr_gym."):
    raise ImportError(
        "this folder is rlvr_gym.benchmarks: install the project (pip install -e .) and `import rlvr_gym.benchmarks`"
    )

from rlvr_gym.benchmarks.compare import Comparison, compare
from rlvr_gym.benchmarks.curve import CurvePoint, Summary
from rlvr_gym.benchmarks.estimators import pass_at_k
from rlvr_gym.benchmarks.folder import RunFolder, RunFolderError, Sample
from rlvr_gym.benchmarks.runner import BenchConfig, bench, make_env, rescore, summarise_run

__all__ = [
    "BenchConfig",
    "Comparison",
    "CurvePoint",
    "RunFolder",
    "RunFolderError",
    "Sample",
    "Summary",
    "bench",
    "compare",
    "make_env",
    "pass_at_k",
    "rescore",
    "summarise_run",
]
