"""From what a call holds to the arguments of a tool, and back.

A tool with one text to give (its only argument, or its only required one) takes that text as it stands; any other tool
takes a JSON object. Where a text cannot stand as it is, it too is written as a JSON object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rlvr_gym.envs.tools.toolbox import ToolCall
from rlvr_gym.envs.tools.toolkit import Tool
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown, suggestion
from rlvr_gym.verifiers.strict_json import Malformed, flaw_of, read_object, write_json

MAX_NAME_CHARS = 100


def named(name: str, tools: Sequence[Tool]) -> Tool | None:
    """The tool with this name."""
    return next((tool for tool in tools if tool.name == name), None)


def known(name: str, tools: Sequence[Tool]) -> Tool:
    """The tool with this name, for whoever writes a call.

    Raises:
        ConfigError: There is none.
    """
    tool = named(name, tools)
    if tool is None:
        raise ConfigError(f"there is no tool {name!r}{suggestion(name, [tool.name for tool in tools])}")
    return tool


def text_argument(tool: Tool) -> str | None:
    """The argument that a plain text is: the tool's only one, or its only required one, if it is a string.

    Example:
        >>> def search(query: str, most: int = 3) -> str:
        ...     '''Search.
        ...
        ...     Args:
        ...         query: What for.
        ...         most: How many results.
        ...     '''
        >>> text_argument(Tool.of(search))
        'query'
    """
    properties = _properties(tool)
    names = list(tool.parameters.get("required", ())) or list(properties)
    if len(names) != 1 or properties.get(names[0], {}).get("type") != "string":
        return None
    return str(names[0])


def read_body(body: str, tool: Tool) -> dict[str, Any]:
    """The arguments that a call gives by its body.

    A JSON object with the text argument in it is read as the arguments. For a tool with other arguments, whatever
    begins with a brace must be one.

    Raises:
        Malformed: It must be a JSON object and is none.

    Example:
        >>> def search(query: str, most: int = 3) -> str:
        ...     '''Search.
        ...
        ...     Args:
        ...         query: What for.
        ...         most: How many results.
        ...     '''
        >>> tool = Tool.of(search)
        >>> read_body("height of the tower", tool), read_body('{"query": "tower", "most": 1}', tool)
        ({'query': 'height of the tower'}, {'query': 'tower', 'most': 1})
    """
    text, properties = text_argument(tool), _properties(tool)
    if not properties and not body:
        return {}
    if text is None or (len(properties) > 1 and body.startswith("{")):
        try:
            return read_object(body)
        except Malformed as wrong:
            raise Malformed(f"{wrong}; expected the arguments as {write_json(example_arguments(tool))}") from wrong
    if body.startswith("{"):
        try:
            found = read_object(body)
        except Malformed:  # a text that begins with a brace
            return {text: body}
        if found.keys() == {text} and isinstance(found[text], str):
            return found
    return {text: body}


def write_body(call: ToolCall, tool: Tool, fits: Callable[[str], bool]) -> str:
    """The inverse of `read_body`.

    Args:
        call: What is called.
        tool: The tool of this name.
        fits: Whether a text can stand in the call as it is.

    Raises:
        ConfigError: The arguments are no JSON values, or others than the one text that the tool takes.
    """
    checked(call)
    text = text_argument(tool)
    plain = call.arguments.get(text) if text is not None else None
    if isinstance(plain, str) and fits(plain) and _reads(plain, tool, call):
        return plain
    body = write_json(call.arguments)
    if not _reads(body, tool, call):
        raise ConfigError(
            f"{tool.name} takes one text, {text}; no call of it can be written with {shown(call.arguments)}"
        )
    return body


def checked(call: ToolCall) -> ToolCall:
    """Refuse to write what is no call.

    Raises:
        ConfigError: The arguments are no JSON values by name, or the name is empty or too long.
    """
    flaw = flaw_of(call.arguments) if isinstance(call.arguments, Mapping) else "arguments are given by name"
    if flaw or flaw_of(call.name) or not 0 < len(call.name) <= MAX_NAME_CHARS:
        raise ConfigError(f"no call can be written of {shown(call)}: {flaw or 'a name has 1 to 100 characters'}")
    return call


def read_call(value: Any, keys: Sequence[str], *, typed: bool = False) -> ToolCall:
    """A call from its JSON: `{"name": ..., "arguments": {...}}`.

    Args:
        value: A JSON value.
        keys: What the arguments may be called.
        typed: Whether `"type": "function"` may stand in it.

    Raises:
        Malformed: It is none.

    Example:
        >>> read_call({"name": "add", "arguments": '{"n": 1}'}, ["arguments"])
        ToolCall(name='add', arguments={'n': 1})
    """
    expected = f'{{"name": "...", "{keys[0]}": {{...}}}}'
    if not isinstance(value, Mapping):
        raise Malformed(f"a call is {expected}, got {shown(value, 60)}")
    given = {key: item for key, item in value.items() if not (typed and key == "type" and item == "function")}
    if "name" not in given:
        raise Malformed(f"the call has no 'name'; expected {expected}")
    present = [key for key in keys if key in given]
    if len(present) != 1 or len(given) != 2:
        raise Malformed(f"a call has the keys 'name' and {keys[0]!r}, got {shown(sorted(map(str, given)), 100)}")
    name, arguments = given["name"], given[present[0]]
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_CHARS:
        raise Malformed(f"'name' must be a text of 1 to {MAX_NAME_CHARS} characters, got {shown(name, 60)}")
    if isinstance(arguments, str):
        arguments = read_object(arguments)
    if not isinstance(arguments, Mapping):
        raise Malformed(f"{present[0]!r} must be a JSON object, got {shown(arguments, 60)}")
    return ToolCall(name, dict(arguments))


def example_arguments(tool: Tool) -> dict[str, Any]:
    """Arguments that show how a tool is called: the required ones, or the first if none is."""
    properties = _properties(tool)
    names = list(tool.parameters.get("required", ())) or list(properties)[:1]
    return {name: _example(properties.get(name, {}), name) for name in names}


def _reads(body: str, tool: Tool, call: ToolCall) -> bool:
    try:
        return read_body(body, tool) == call.arguments
    except Malformed:
        return False


def _properties(tool: Tool) -> dict[str, Mapping[str, Any]]:
    properties = tool.parameters.get("properties", {})
    return {name: schema if isinstance(schema, Mapping) else {} for name, schema in properties.items()}


def _example(schema: Mapping[str, Any], name: str) -> Any:
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    if schema.get("anyOf"):
        return _example(schema["anyOf"][0], name)
    if schema.get("type") == "array":
        return [_example(schema.get("items", {}), name)]
    return _EXAMPLES.get(str(schema.get("type")), f"the {name.replace('_', ' ')}")


_EXAMPLES: Mapping[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "null": None, "object": {}}
