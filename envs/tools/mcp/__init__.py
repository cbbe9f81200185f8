"""The Model Context Protocol, both ways: `McpToolkit` makes tools of a server, `rlvr mcp` serves an environment."""

from rlvr_gym.envs.tools.mcp.client import McpToolkit

__all__ = ["McpToolkit"]
