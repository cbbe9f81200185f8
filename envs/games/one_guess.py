"""One guess a turn: where the last move alone is the answer, a response that declares several guesses is none."""

from __future__ import annotations

from typing import Any

from rlvr_gym.verifiers import Reason, Status, Verdict, Verifier
from rlvr_gym.verifiers.extraction import NoSlot, final_slot

_SEVERAL = Reason("several_guesses", "one guess a turn, and this response declares several")


def judged_once(verifier: Verifier, response: str, reference: Any) -> Verdict:
    """The verdict on the guess of a response; ambiguous where it declares more than one.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> verifier, reference = make_verifier("wordle@1"), {"answer": "crane"}
        >>> judged_once(verifier, "<answer>crane</answer>", reference).passed
        True
        >>> judged_once(verifier, "<answer>crate</answer> <answer>crane</answer>", reference).status.value
        'ambiguous'
    """
    verdict = verifier.verify(response, reference)
    markers = verifier.config().get("markers", ())
    if not verdict.gradable or not declares_several(response, tuple(markers)):
        return verdict
    return Verdict(Status.AMBIGUOUS, 0.0, _SEVERAL, verifier.id)


def declares_several(response: str, markers: tuple[str, ...]) -> bool:
    """Whether a declaration stands before the last one, thoughts apart.

    Example:
        >>> declares_several("#### 1\\n#### 2", ("####",)), declares_several("<think>#### 1</think>#### 2", ("####",))
        (True, False)
    """
    slot = final_slot(response, markers)
    if isinstance(slot, NoSlot) or slot.marker == "whole":
        return False
    earlier = final_slot(slot.source[: slot.start], [marker for marker in markers if marker != "whole"])
    return not isinstance(earlier, NoSlot) or earlier.reason.code != "no_marker"
