"""Tools: typed functions that a policy may call, the state behind them, and environments in which they are called."""

from rlvr_gym.envs.tools.tool_env import ToolEnv
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall, ToolResult
from rlvr_gym.envs.tools.toolkit import Limits, Tool, ToolError, Toolkit, tool

__all__ = ["Limits", "Tool", "ToolCall", "ToolEnv", "ToolError", "ToolResult", "Toolbox", "Toolkit", "tool"]
