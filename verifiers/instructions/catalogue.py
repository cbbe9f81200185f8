"""All kinds of instructions by id, and the variants of a response that loose judging tries."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from rlvr_gym.verifiers.errors import UnknownNameError, shown
from rlvr_gym.verifiers.instructions.constraint import Instruction, Outcome
from rlvr_gym.verifiers.instructions.ifbench import IFBENCH
from rlvr_gym.verifiers.instructions.ifeval import IFEVAL

CATALOGUE: Mapping[str, Instruction] = MappingProxyType({kind.id: kind for kind in (*IFEVAL, *IFBENCH)})


class Asked(NamedTuple):
    """One instruction as it is asked: a kind and the parameters that its checks take."""

    kind: Instruction
    parameters: Mapping[str, Any]

    @property
    def sentence(self) -> str:
        """The sentence that asks for it."""
        return self.kind.describe(self.parameters)

    def outcome(self, response: str, profile: str) -> Outcome:
        """What the check of a profile, `"fixed"` or `"reference"`, finds."""
        check = self.kind.fixed if profile == "fixed" else self.kind.reference
        return check(response, self.parameters)


def asked(instruction_id: str, parameters: Mapping[str, Any]) -> Asked:
    """Look a kind up and read its parameters.

    Args:
        instruction_id: For example `"keywords:existence"`.
        parameters: As a data set has them; those that are None count as absent.

    Raises:
        UnknownNameError: There is no such kind; near ones are offered.
        ValueError: A parameter is missing, not known or refused.

    Example:
        >>> one = asked("length_constraints:number_words", {"num_words": 3, "relation": "at least"})
        >>> one.sentence, one.outcome("Two words.", "fixed").detail
        ('Use at least 3 words.', 'found 2 words, needed at least 3')
    """
    if not isinstance(instruction_id, str) or instruction_id not in CATALOGUE:
        given = instruction_id if isinstance(instruction_id, str) else shown(instruction_id)
        raise UnknownNameError("kind of instruction", given, CATALOGUE)
    kind = CATALOGUE[instruction_id]
    return Asked(kind, kind.read(parameters))


def variants(response: str) -> list[str]:
    """The response as it is, without its first line, without its last, without both; each also without any `*`.

    Equal ones are left out, the others keep this order.

    Example:
        >>> variants("Sure:\\n*a*\\nBye")
        ['Sure:\\n*a*\\nBye', '*a*\\nBye', 'Sure:\\n*a*', '*a*', 'Sure:\\na\\nBye', 'a\\nBye', 'Sure:\\na', 'a']
    """
    rows = response.split("\n")
    cut = [response, *("\n".join(part).strip() for part in (rows[1:], rows[:-1], rows[1:-1]))]
    return list(dict.fromkeys([*cut, *(text.replace("*", "") for text in cut)]))
