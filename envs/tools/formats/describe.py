"""Tools in words, for prompts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rlvr_gym.envs.tools.toolkit import Tool


def described(tools: Sequence[Tool]) -> str:
    """Names, arguments with their types, and what they mean: one line a tool and one an argument.

    Example:
        >>> def search(query: str, most: int = 3) -> str:
        ...     '''Search the library.
        ...
        ...     Args:
        ...         query: What to look for.
        ...         most: How many results at most.
        ...     '''
        >>> print(described([Tool.of(search)]))
        You can use these tools:
        - search: Search the library.
          - query (string): What to look for.
          - most (integer, 3 if left out): How many results at most.
    """
    return "\n".join(["You can use these tools:", *(line for tool in tools for line in _lines(tool))])


def kind(schema: Mapping[str, Any]) -> str:
    """The type of a JSON Schema in words.

    Example:
        >>> kind({"type": "array", "items": {"type": "integer"}}), kind({"enum": ["asc", "desc"]})
        ('list of integer', 'one of "asc", "desc"')
    """
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(option, ensure_ascii=False) for option in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(kind(option) for option in schema["anyOf"])
    name = schema.get("type", "any JSON value")
    if name == "array":
        return f"list of {kind(schema['items'])}" if schema.get("items") else "list"
    if name == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {kind(schema['additionalProperties'])}"
    return " or ".join(map(str, name)) if isinstance(name, list) else str(name)


def _lines(tool: Tool) -> list[str]:
    needed = tool.parameters.get("required", ())
    lines = [f"- {tool.name}: {tool.description}"]
    for name, schema in tool.parameters.get("properties", {}).items():
        details = kind(schema)
        if "default" in schema:
            details += f", {json.dumps(schema['default'], ensure_ascii=False)} if left out"
        elif name not in needed:
            details += ", may be left out"
        lines.append(f"  - {name} ({details}): {schema.get('description', '')}".rstrip(": "))
    return lines
