"""Formats in which a policy writes calls, by name: `make_format("hermes")`."""

from __future__ import annotations

from rlvr_gym.envs.task import check_text
from rlvr_gym.envs.tools.formats.base import MAX_CALLS, CallFormat, Parsed
from rlvr_gym.envs.tools.formats.compact import CompactFormat
from rlvr_gym.envs.tools.formats.fenced import FencedFormat
from rlvr_gym.envs.tools.formats.hermes import HermesFormat
from rlvr_gym.envs.tools.formats.llama import LlamaFormat
from rlvr_gym.envs.tools.formats.openai import OpenAIFormat
from rlvr_gym.envs.tools.formats.react import ReactFormat
from rlvr_gym.envs.tools.formats.xml_tags import XmlFormat
from rlvr_gym.verifiers.errors import UnknownNameError

_FORMATS: dict[str, type[CallFormat]] = {
    cls.name: cls
    for cls in (CompactFormat, FencedFormat, HermesFormat, LlamaFormat, OpenAIFormat, ReactFormat, XmlFormat)
}


def format_names() -> list[str]:
    """All formats, sorted.

    Example:
        >>> format_names()
        ['compact', 'fenced', 'hermes', 'llama', 'openai', 'react', 'xml']
    """
    return sorted(_FORMATS)


def make_format(name: str) -> CallFormat:
    """A format by its name.

    Raises:
        ConfigError: The name is no text.
        UnknownNameError: No such format; the message offers near matches.

    Example:
        >>> make_format("hermes").name
        'hermes'
    """
    if check_text("call_format", name) not in _FORMATS:
        raise UnknownNameError("call format", name, _FORMATS)
    return _FORMATS[name]()


__all__ = ["MAX_CALLS", "CallFormat", "Parsed", "format_names", "make_format"]
