"""The base: a transformer that imitates machines without loops, and slips now and then.

It learns START, EXACT and APPEND on the compact surface. Every target of a node is smoothed over all targets that the
place could have, so that the base gives each wrong one a small known probability: what it can do that it was not taught
is what it does by slipping. In what it reads some targets are slips already, and what is to follow is still the chain:
without that one slip in two is followed by a program of another length, and rewards then teach short programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from rlvr_gym.agents import build_preset
from rlvr_gym.agents.models import LanguageModel
from rlvr_gym.benchmarks.grokking.plan import ALPHABET, SKILLS, TAG, Plan
from rlvr_gym.envs.manufactoria import ManufactoriaTaskSet
from rlvr_gym.verifiers.manufactoria import parse_compact
from torch import Tensor

PRESET = "pico"
BATCH = 128
LEARNING_RATE = 2e-3
READ_SLIPS = 0.1  # of the targets of a program that is read, how many are drawn from all that could stand there
_DRAWS = 2500  # in which nearly every chain comes
_NAMES = "0123456789"


class Lesson(NamedTuple):
    """A prompt and the program that answers it, with the target of the symbol that is looked for before the other."""

    prompt: str
    program: str


@lru_cache(maxsize=8)
def lessons(seed: int) -> tuple[Lesson, ...]:
    """Chains for words of two to six symbols, each problem once, in the order of their prompts."""
    tasks = ManufactoriaTaskSet(families=SKILLS, length=6, style="compact", size=_DRAWS, seed=seed)
    found = {task.prompt: task.solution for task in map(tasks.task, range(_DRAWS))}
    return tuple(Lesson(prompt, looking(str(program))) for prompt, program in sorted(found.items()))


def looking(program: str) -> str:
    """A compact program in which every puller names first where the symbol leads that it looks for.

    That is the one that leads further: `p` is a puller that looks for B. So what is done with the other symbol stands
    in one place, whatever the pattern is, and is one thing to learn. With `P` alone it stands in two.

    Example:
        >>> looking("P1--;P-!-;")
        'P1--;p!--;'
    """
    far = "-0123456789!"
    nodes = [node for node in program.split(";") if node]
    turned = [f"p{n[2]}{n[1]}{n[3]}" if n[0] == "P" and far.index(n[2]) > far.index(n[1]) else n for n in nodes]
    return "".join(f"{node};" for node in turned)


def leads_back(program: str) -> bool:
    """Whether a node of a compact program leads to itself or to one before it.

    Example:
        >>> leads_back("P1--;P!--;"), leads_back("P1--;P!1-;")
        (False, True)
    """
    nodes = parse_compact(program).nodes
    return any(0 < target <= place for place, node in enumerate(nodes) if place for target in node.targets)


def slot_choices(program: str) -> list[str]:
    """For each character of a compact program the characters that could stand there: one, or of a target any.

    Example:
        >>> slot_choices("P1-!;B!;")
        ['P', '01!-', '01!-', '01!-', ';', 'B', '01!-', ';']
    """
    targets = _NAMES[: program.count(";")] + "!-"
    choices, place = [], 0
    for character in program:
        choices.append(targets if place and character != ";" else character)
        place = 0 if character == ";" else place + 1
    return choices


def make_base(plan: Plan, seed: int) -> LanguageModel:
    """Imitate the lessons, with slips; the tag of the target family becomes what that of START is.

    Deterministic in plan and seed. The weights of a tag that was never read are what they were before the first step;
    with those of START the base answers a target prompt as if it asked for a chain.

    Args:
        plan: Settings.
        seed: Of weights and batches.
    """
    lm = build_preset(PRESET, seed=seed, alphabet=ALPHABET)
    ids_NT, wanted_NTV = wanted(lessons(seed), lm.tokenizer, plan.slip)
    imitate(lm, ids_NT, wanted_NTV, steps=plan.imitation, seed=seed, slips=READ_SLIPS)
    weights = lm.model.get_input_embeddings().weight
    start, target = (lm.tokenizer(letter)["input_ids"][0] for letter in ("s", TAG))
    with torch.no_grad():
        weights[target] = weights[start]
    return lm


def imitate(
    lm: LanguageModel, ids_NT: Tensor, wanted_NTV: Tensor, *, steps: int, seed: int, slips: float = 0.0
) -> float:
    """Bring a model towards distributions of the next token; the last step's divergence from them, in nats a token.

    Args:
        lm: Trained in place.
        ids_NT: Token ids, padded to the right.
        wanted_NTV: What is to follow each, as probabilities; all 0 where nothing is asked.
        steps: Of AdamW, with batches of `BATCH` rows.
        seed: Of the batches.
        slips: In what is read, the share of the tokens with several continuations that are drawn from all of them.
    """
    optimizer = torch.optim.AdamW(lm.model.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
    generator = torch.Generator().manual_seed(seed)
    lm.model.train()
    divergence = 0.0
    for step in range(1, steps + 1):
        rows = torch.randint(len(ids_NT), (BATCH,), generator=generator)
        wanted_BTV = wanted_NTV[rows]
        read_BT = slipped(ids_NT[rows], wanted_BTV, slips, generator)
        asked_BT = wanted_BTV.sum(dim=-1) > 0
        logits_BTV = lm.model(read_BT).logits
        each_BT = torch.nn.functional.kl_div(torch.log_softmax(logits_BTV, -1), wanted_BTV, reduction="none").sum(-1)
        loss = each_BT[asked_BT].mean()
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1.0, step / 20) * (1.0 - 0.9 * step / steps)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(lm.model.parameters(), 1.0)
        optimizer.step()
        divergence = float(loss.detach())
    lm.model.eval()
    return divergence


def slipped(ids_BT: Tensor, wanted_BTV: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Programs in which this share of the targets is drawn anew, from all that could stand there alike."""
    choices_BTV = (wanted_BTV[:, :-1] > 0).float()
    open_BT = choices_BTV.sum(-1) > 1
    slips_BT = open_BT & (torch.rand(open_BT.shape, generator=generator) < share)
    read_BT = ids_BT.clone()
    if slips_BT.any():
        read_BT[:, 1:][slips_BT] = torch.multinomial(choices_BTV[slips_BT], 1, generator=generator)[:, 0]
    return read_BT


def wanted(taught: Sequence[Lesson], tokenizer: Any, slip: float) -> tuple[Tensor, Tensor]:
    """Token ids [N, T] and what is to follow each of them [N, T, V]."""
    longest = max(len(lesson.prompt) + len(lesson.program) + 1 for lesson in taught)
    ids_NT = torch.full((len(taught), longest), tokenizer.pad_token_id)
    wanted_NTV = torch.zeros(len(taught), longest, len(tokenizer))
    number = {letter: tokenizer(letter)["input_ids"][0] for letter in ALPHABET}
    for row, (prompt, program) in enumerate(taught):
        ids = [number[letter] for letter in prompt + program] + [tokenizer.eos_token_id]
        ids_NT[row, : len(ids)] = torch.tensor(ids)
        for place, choices in enumerate(slot_choices(program), start=len(prompt)):
            for choice in choices:
                wanted_NTV[row, place - 1, number[choice]] = slip
            wanted_NTV[row, place - 1, ids[place]] = 1.0 - slip * (len(choices) - 1)
        wanted_NTV[row, len(ids) - 2, tokenizer.eos_token_id] = 1.0
    return ids_NT, wanted_NTV


def taught_rightly(plan: Plan, lm: LanguageModel, seed: int, solutions: Sequence[Lesson]) -> LanguageModel:
    """The control of capacity: the base after a little imitation of solutions of target problems, without slips."""
    imitate(lm, *wanted(solutions, lm.tokenizer, 0.0), steps=plan.imitation // 2, seed=seed)
    return lm
