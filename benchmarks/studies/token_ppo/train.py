"""Stock PPO of Stable-Baselines3 on `TokenEnv`: an ordinary learner of another project trains on a text environment.

Nothing of `PPO("MlpPolicy", ...)` is adapted: it reads the one-hot code of the observed tokens, and acts in tokens.

    python -m venv venv
    venv/bin/pip install -c constraints.txt torch==2.13.0 stable-baselines3==2.9.2 matplotlib
    venv/bin/pip install -c constraints.txt -e .
    venv/bin/python benchmarks/studies/token_ppo/train.py

**addition**: sums of two digits, one character a token, reward 1 where the response is the right number. The curve
begins at chance, with a fresh network. The problems of the other split are never trained on; `imitation` is the control
that tells what the same network makes of them when it is shown the training problems' solutions.

**divergence**: the same with a reference (pairs of characters, counted in the solutions) and two weights c of the
divergence from it. The best policy is known, p(y) = ref(y) exp(R(y)/c) / Z: what PPO finds is compared with it.
`TokenEnv` gives c log ref(token) with every token; the learner's half is given in two ways: `sampled` takes
c log p(token) off each reward before returns are computed (`OwnPart`), `bonus` is PPO's entropy bonus of coefficient c.

Expected rewards, divergences and objectives are exact sums over all 1885 responses to each problem, not samples.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import matplotlib as mpl
import numpy as np
import stable_baselines3
import torch
from numpy.typing import NDArray
from rlvr_gym.envs.token_env import CharTokenizer, TokenEnv, make_token_env
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env

Floats = NDArray[np.float64]
NextLogprobs = Callable[[Sequence[tuple[int, ...]]], Floats]

ALPHABET, WINDOW, LENGTH = "0123456789+=", 8, 3
TOKENIZER = CharTokenizer(ALPHABET)
VOCABULARY, EOS = TOKENIZER.vocab_size, TOKENIZER.eos_id
STARTS = [start for n in range(LENGTH) for start in itertools.product(range(EOS), repeat=n)]
RESPONSES = [*((*start, EOS) for start in STARTS), *itertools.product(range(EOS), repeat=LENGTH)]

ENVS, WIDTHS = 32, [256, 256]
PPO_SETTINGS: dict[str, Any] = {"n_steps": 128, "batch_size": 512, "n_epochs": 4, "gamma": 1.0, "gae_lambda": 0.95}
LEARNING_RATE = 1e-3  # falls linearly to 0
ADDITION_STEPS, ADDITION_ENTROPY, ROLLOUTS_A_POINT = 1_228_800, 0.1, 12
IMITATION_STEPS = 1500
DIVERGENCE_STEPS, WEIGHTS = 409_600, [0.3, 0.2]
KNOWN_WEIGHTS = [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5]
LABELS = {"best": "best policy", "sampled": "PPO, own part sampled", "bonus": "PPO, own part as a bonus"}


# --- Problems, and exact means over all responses ---------------------------------------------------------------------


class Problems:
    """All problems of a split, and which of all responses to each are right."""

    def __init__(self, split: str) -> None:
        self.env: TokenEnv = make_token_env(**settings(split))
        base: Any = self.env.unwrapped
        self.tasks = base.taskset.distinct(100)
        self.prompts = [tuple(TOKENIZER.encode(task.prompt)) for task in self.tasks]
        texts = [TOKENIZER.decode(response) for response in RESPONSES]
        right = {gold: [base.verifier.verify(text, gold).passed for text in texts] for gold in map(str, range(19))}
        self.right_PR = np.array([right[task.reference] for task in self.tasks])

    def logprobs_PR(self, next_logprobs: NextLogprobs) -> Floats:
        """Log-probability of every response to every problem."""
        states = [prompt + start for prompt in self.prompts for start in STARTS]
        table_PSV = next_logprobs(states).reshape(len(self.prompts), len(STARTS), VOCABULARY)
        place = {start: i for i, start in enumerate(STARTS)}
        columns = [
            sum(table_PSV[:, place[response[:i]], token] for i, token in enumerate(response)) for response in RESPONSES
        ]
        return np.stack(columns, axis=1)

    def expected(self, next_logprobs: NextLogprobs) -> float:
        """Mean reward of responses drawn token by token."""
        return float((np.exp(self.logprobs_PR(next_logprobs)) * self.right_PR).sum(axis=1).mean())

    def greedy(self, model: PPO) -> float:
        """Share of problems whose most likely tokens are right, played in the environment."""
        total = 0.0
        for task in self.tasks:
            observation, _ = self.env.reset(options={"task": task})
            over = False
            while not over:
                action, _ = model.predict(observation, deterministic=True)
                observation, reward, terminated, truncated, _ = self.env.step(action)
                total, over = total + reward, terminated or truncated
        return total / len(self.tasks)


def settings(split: str) -> dict[str, Any]:
    """Keywords of `make_token_env`."""
    inner = {"style": "compact", "digits": 1, "split": split}
    return {"settings": inner, "alphabet": ALPHABET, "window": WINDOW, "max_new_tokens": LENGTH}


def uniform(states: Sequence[tuple[int, ...]]) -> Floats:
    """The policy that knows nothing."""
    return np.full((len(states), VOCABULARY), -np.log(VOCABULARY))


def windows(states: Sequence[tuple[int, ...]]) -> NDArray[np.int64]:
    """What `TokenEnv` shows of these tokens."""
    seen = np.full((len(states), WINDOW), VOCABULARY)
    for row, state in zip(seen, states, strict=True):
        row[WINDOW - len(state) :] = state
    return seen


def of_model(model: PPO) -> NextLogprobs:
    """The log-probabilities of a policy of Stable-Baselines3."""

    def next_logprobs(states: Sequence[tuple[int, ...]]) -> Floats:
        with torch.no_grad():
            distribution: Any = model.policy.get_distribution(torch.as_tensor(windows(states))).distribution
        logprobs: Floats = distribution.logits.double().numpy()  # a Categorical keeps them normalised
        return logprobs

    return next_logprobs


# --- Learners ---------------------------------------------------------------------------------------------------------


def learner(seed: int, env_settings: dict[str, Any], **ppo: Any) -> PPO:
    """A fresh PPO."""
    venv = make_vec_env(make_token_env, n_envs=ENVS, seed=seed, env_kwargs={**settings("train"), **env_settings})
    return PPO(
        "MlpPolicy",
        venv,
        seed=seed,
        device="cpu",
        learning_rate=lambda remaining: LEARNING_RATE * remaining,
        policy_kwargs={"net_arch": WIDTHS},
        **{**PPO_SETTINGS, **ppo},
    )


class Curve(BaseCallback):
    """Measures the policy before every so many rollouts."""

    def __init__(self, seed: int, train: Problems, held_out: Problems) -> None:
        super().__init__()
        self.seed, self.problems = seed, {"train": train, "held_out": held_out}
        self.rollouts, self.points = 0, []

    def _on_rollout_start(self) -> None:
        if self.rollouts % ROLLOUTS_A_POINT == 0:
            self.measure()
        self.rollouts += 1

    def _on_step(self) -> bool:
        return True

    def measure(self) -> None:
        """Add a point."""
        point: dict[str, float] = {"steps": self.num_timesteps}
        for name, problems in self.problems.items():
            point[name] = problems.expected(of_model(self.model))
            point[f"{name}_greedy"] = problems.greedy(self.model)
        self.points.append(point)
        say(f"addition, seed {self.seed}: {point}")


class OwnPart(BaseCallback):
    """The learner's half of the divergence: takes c log p(token) off each reward before returns are computed."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def _on_step(self) -> bool:
        self.locals["rewards"] -= self.weight * self.locals["log_probs"].numpy()
        return True


class PairReference:
    """Pairs of characters, counted in solutions; half a count for each pair more."""

    def __init__(self, problems: Problems) -> None:
        counts_VV = np.full((VOCABULARY, VOCABULARY), 0.5)
        for task in problems.tasks:
            said = [TOKENIZER.encode("=")[0], *TOKENIZER.encode(task.solution), EOS]
            for before, after in itertools.pairwise(said):
                counts_VV[before, after] += 1
        self.logprobs_VV = np.log(counts_VV / counts_VV.sum(axis=1, keepdims=True))

    def __call__(self, tokens: Sequence[int]) -> Floats:
        """Log-probabilities of the next token."""
        row: Floats = self.logprobs_VV[tokens[-1]]
        return row

    def all(self, states: Sequence[tuple[int, ...]]) -> Floats:
        """The same in many states."""
        return np.stack([self(state) for state in states])


# --- The two studies --------------------------------------------------------------------------------------------------


def addition(seed: int, train: Problems, held_out: Problems) -> dict[str, Any]:
    """One learning curve."""
    model = learner(seed, {}, ent_coef=ADDITION_ENTROPY)
    curve = Curve(seed, train, held_out)
    model.learn(ADDITION_STEPS, callback=curve)
    curve.measure()
    return {"seed": seed, "curve": curve.points}


def imitation(seed: int, train: Problems, held_out: Problems) -> dict[str, Any]:
    """The same network, trained to say the solutions instead."""
    model = learner(seed, {})
    states, tokens = [], []
    for task, prompt in zip(train.tasks, train.prompts, strict=True):
        said = (*TOKENIZER.encode(task.solution), EOS)
        states += [prompt + said[:i] for i in range(len(said))]
        tokens += said
    seen, said_B = torch.as_tensor(windows(states)), torch.as_tensor(tokens)
    optimiser = torch.optim.Adam(model.policy.parameters(), LEARNING_RATE)
    for _ in range(IMITATION_STEPS):
        distribution: Any = model.policy.get_distribution(seen).distribution
        optimiser.zero_grad()
        (-distribution.log_prob(said_B).mean()).backward()
        optimiser.step()
    found = {"train_greedy": train.greedy(model), "held_out_greedy": held_out.greedy(model)}
    say(f"imitation, seed {seed}: {found}")
    return {"seed": seed, **found}


def divergence(seed: int, weight: float, way: str, train: Problems) -> dict[str, Any]:
    """What PPO finds with the divergence from a reference in its objective."""
    reference = PairReference(train)
    # A bonus and rewards must keep their proportion: advantages are not normalised there.
    ppo = {"sampled": {"ent_coef": 0.0}, "bonus": {"ent_coef": weight, "normalize_advantage": False}}[way]
    model = learner(seed, {"reference": reference, "kl_coef": weight}, **ppo)
    model.learn(DIVERGENCE_STEPS, callback=OwnPart(weight) if way == "sampled" else None)
    found = measured(train.logprobs_PR(of_model(model)), train.logprobs_PR(reference.all), train.right_PR, weight)
    say(f"divergence, weight {weight}, {way}, seed {seed}: {found}")
    return {"weight": weight, "way": way, "seed": seed, **found}


def known(weight: float, train: Problems) -> list[dict[str, Any]]:
    """The reference, the best policy, and where policy iteration with an entropy bonus comes to rest."""
    reference = PairReference(train)
    ref_PR = train.logprobs_PR(reference.all)
    ways = {
        "reference": ref_PR,
        "best": solved(weight, train, reference, credited=True),
        "bonus at rest": solved(weight, train, reference, credited=False),
    }
    return [
        {"weight": weight, "way": way, **measured(logprobs_PR, ref_PR, train.right_PR, weight)}
        for way, logprobs_PR in ways.items()
    ]


def solved(weight: float, train: Problems, reference: PairReference, *, credited: bool) -> Floats:
    """Log-probabilities of all responses under p(token) = exp(Q/c) / Z, from the last token backwards.

    Q is the token's reward and the value of what follows: with the entropies to come (`credited`), which gives
    ref(y) exp(R(y)/c) / Z, or without, as a token's advantage sees it where the entropy is a bonus in the loss.
    """
    column = {response: i for i, response in enumerate(RESPONSES)}
    table_PSV = np.zeros((len(train.prompts), len(STARTS), VOCABULARY))
    values: dict[tuple[int, ...], Floats] = {}
    for place, start in reversed(list(enumerate(STARTS))):
        q_PV = weight * reference.all([prompt + start for prompt in train.prompts])
        for token in range(VOCABULARY):
            said = (*start, token)
            q_PV[:, token] += train.right_PR[:, column[said]] if said in column else values[said]
        log_z_P = np.log(np.exp(q_PV / weight).sum(axis=1))
        table_PSV[:, place] = q_PV / weight - log_z_P[:, None]
        values[start] = weight * log_z_P if credited else (np.exp(table_PSV[:, place]) * q_PV).sum(axis=1)
    return train.logprobs_PR(lambda states: table_PSV)


def measured(logprobs_PR: Floats, ref_PR: Floats, right_PR: NDArray[np.bool_], weight: float) -> dict[str, float]:
    """Exact means over problems and responses."""
    p_PR = np.exp(logprobs_PR)
    lengths_R = np.array([len(response) for response in RESPONSES])
    reward, kl = (float((p_PR * x_PR).sum(axis=1).mean()) for x_PR in (right_PR, logprobs_PR - ref_PR))
    return {"reward": reward, "kl": kl, "objective": reward - weight * kl, "tokens": float((p_PR @ lengths_R).mean())}


def draw(results: dict[str, Any], file: Path) -> None:
    """The learning curves, and what each weight of the divergence leads to."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for run in results["addition"]:
        steps = [point["steps"] / 1e6 for point in run["curve"]]
        for name, colour in (("train", "C0"), ("held_out", "C3")):
            label = name.replace("_", " ") if run is results["addition"][0] else None
            left.plot(steps, [point[name] for point in run["curve"]], colour, alpha=0.8, label=label)
    left.axhline(results["chance"], color="grey", ls=":", label="uniform tokens")
    left.set(xlabel="tokens, millions", ylabel="expected reward", title="one-digit addition", ylim=(0, 1))
    left.legend()
    looks = {"best": "C0-", "sampled": "C0o", "bonus at rest": "C1-", "bonus": "C1s", "reference": "k:"}
    for way, look in looks.items():
        rows = sorted((row for row in results["divergence"] if row["way"] == way), key=lambda row: row["weight"])
        right.plot(
            [row["weight"] for row in rows],
            [row["objective"] for row in rows],
            look,
            label=LABELS.get(way, way),
            alpha=0.7,
        )
    right.set(xlabel="weight c", ylabel="E[R] - c KL", title="divergence from a reference")
    right.legend()
    figure.savefig(file, dpi=120)


def say(line: str) -> None:
    """A line of progress."""
    sys.stderr.write(line + "\n")


def main() -> None:
    """Train, measure, write `results.json` and `curve.png`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    train, held_out = Problems("train"), Problems("test")
    versions = {module.__name__: module.__version__ for module in (stable_baselines3, torch, gymnasium, np)}
    results: dict[str, Any] = {
        "versions": {"python": platform.python_version(), **versions},
        "machine": f"{os.cpu_count()} shared {platform.machine()} cores, no accelerator; one thread",
        "problems": {"train": len(train.tasks), "held_out": len(held_out.tasks)},
        "ppo": {"envs": ENVS, "widths": WIDTHS, "learning_rate": f"{LEARNING_RATE}, linearly to 0", **PPO_SETTINGS},
        "addition_ent_coef": ADDITION_ENTROPY,
        "chance": train.expected(uniform),
        "addition": [addition(seed, train, held_out) for seed in arguments.seeds],
        "imitation": [imitation(seed, train, held_out) for seed in arguments.seeds],
        "divergence": [row for weight in KNOWN_WEIGHTS for row in known(weight, train)],
    }
    for weight, way, seed in itertools.product(WEIGHTS, ("sampled", "bonus"), arguments.seeds):
        results["divergence"].append(divergence(seed, weight, way, train))
    (arguments.out / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    draw(results, arguments.out / "curve.png")


if __name__ == "__main__":
    main()
