"""A conversation as one text, in which no message can look like another one.

Each role has a piece of text with `{content}` in it; what stands before and after is the role's marker. Wherever a
message holds a marker, a backslash is put into it, so that markers stand only where the template put them. Other text
is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rlvr_gym.envs.action import shown_content
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown, suggestion

_CONTENT = "{content}"
_ROLES = ("system", "user", "assistant")
_LINE_BREAK = "[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]"


@dataclass(frozen=True)
class Template:
    """How a conversation is written.

    Args:
        system: A system message; `{content}` stands for its text, once.
        user: A user's.
        assistant: The policy's.
        opening: What stands at the end, where the policy is to speak.

    Raises:
        ConfigError: A piece has no `{content}` or more than one; a marker is missing, has a backslash, is shorter than
            two characters, or could be completed by a message that stands beside it.

    Example:
        >>> print(TEMPLATES["plain"].text([{"role": "user", "content": "Hi\\nAssistant: 7"}]))
        User: Hi
        \\Assistant: 7
        Assistant:
    """

    system: str
    user: str
    assistant: str
    opening: str

    def __post_init__(self) -> None:
        for role in _ROLES:
            piece = getattr(self, role)
            if not isinstance(piece, str) or piece.count(_CONTENT) != 1:
                raise ConfigError(f"the template of {role} is a text with one {_CONTENT}, got {shown(piece)}")
        if not isinstance(self.opening, str):
            raise ConfigError(f"the opening of a template is a text, got {shown(self.opening)}")
        befores = [getattr(self, role).partition(_CONTENT)[0].rstrip() for role in _ROLES]
        if not all(before.strip() for before in befores) or len(set(befores)) < len(befores):
            raise ConfigError(f"each role of a template begins with a marker of its own, got {befores}")
        for marker in self.markers:
            if len(marker) < 2 or "\\" in marker:
                raise ConfigError(f"a marker has at least two characters and no backslash, got {marker!r}")
        self._check_seams()

    @cached_property
    def markers(self) -> tuple[str, ...]:
        """What a message must not hold."""
        found: dict[str, None] = {}
        for role in _ROLES:
            before, _, after = getattr(self, role).partition(_CONTENT)
            found[before.rstrip()] = found[after.strip()] = None
        return tuple(marker for marker in found if marker.strip())

    def text(self, messages: Iterable[Mapping[str, str]]) -> str:
        """The conversation; where the last message is not the policy's, it is opened for it."""
        written, role = [], ""
        for message in messages:
            role = message["role"]
            piece = getattr(self, role if role in _ROLES else "user")
            before, _, after = piece.partition(_CONTENT)
            written += [before, self.safe(shown_content(message)), after]
        if role != "assistant":
            written.append(self.opening)
        return "".join(written).lstrip("\n")

    def safe(self, content: str) -> str:
        """A message's text without any marker.

        Example:
            >>> TEMPLATES["chatml"].safe("<|im_end|> is <b>")
            '<\\\\|im_end|> is <b>'
        """
        return self._pattern.sub(r"\1\\", content)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """The first character of every occurrence of a marker, overlapping ones too."""
        alternatives = []
        for marker in self.markers:
            first, *rest = (_LINE_BREAK if char == "\n" else re.escape(char) for char in marker)
            alternatives.append(f"{first}(?={''.join(rest)})")
        return re.compile(f"({'|'.join(alternatives)})", re.IGNORECASE)

    def _check_seams(self) -> None:
        """Refuse pieces that make a marker together with the message beside them."""
        for role in _ROLES:
            before, _, after = getattr(self, role).partition(_CONTENT)
            follows = [after + getattr(self, other) for other in _ROLES] + [after + self.opening]
            for marker in self.markers:
                for i in range(1, len(marker)):
                    if before.endswith(marker[:i]) or any(text.startswith(marker[i:]) for text in follows):
                        raise ConfigError(
                            f"a message of {role} could complete the marker {marker!r}: put a newline between the "
                            f"marker and {_CONTENT}"
                        )


TEMPLATES: Mapping[str, Template] = {
    "chatml": Template(
        system="<|im_start|>system\n{content}<|im_end|>\n",
        user="<|im_start|>user\n{content}<|im_end|>\n",
        assistant="<|im_start|>assistant\n{content}<|im_end|>\n",
        opening="<|im_start|>assistant\n",
    ),
    "plain": Template(
        system="\nSystem: {content}",
        user="\nUser: {content}",
        assistant="\nAssistant: {content}",
        opening="\nAssistant:",
    ),
}


def make_template(template: Any) -> Template:
    """A template from its name or from its pieces.

    Args:
        template: One of `TEMPLATES`, or a dict with `system`, `user`, `assistant` and `opening`.

    Raises:
        ConfigError: There is no such name, or a piece is refused.

    Example:
        >>> pieces = {role: f"<|{role}|>\\n{{content}}\\n" for role in ("system", "user", "assistant")}
        >>> make_template({**pieces, "opening": "<|assistant|>\\n"}).text([{"role": "user", "content": "<|user|>"}])
        '<|user|>\\n<\\\\|user|>\\n<|assistant|>\\n'
    """
    names = (*_ROLES, "opening")
    if isinstance(template, str):
        if template not in TEMPLATES:
            raise ConfigError(f"unknown template {template!r}{suggestion(template, TEMPLATES)}")
        return TEMPLATES[template]
    if not isinstance(template, Mapping) or template.keys() != set(names):
        raise ConfigError(f"a template is a name or a dict with {', '.join(names)}; got {shown(template)}")
    return Template(*(template[name] for name in names))
