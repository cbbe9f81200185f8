"""The argument parser of `rlvr`: help that teaches."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rlvr_gym import __version__
from rlvr_gym.cli import sandbox
from rlvr_gym.cli.specs import POLICY_HELP
from rlvr_gym.verifiers.errors import suggestion

_TOP = """Environments and verifiers for reinforcement learning with verifiable rewards, and pass@k curves.

  rlvr list                                              what there is
  rlvr play rlvr/Countdown-v0                            answer some tasks yourself
  rlvr verify number@1 --response '#### 42' --reference 42
  rlvr bench rlvr/Arithmetic-v0 --policy scripted:0.3 --out runs/scripted
  rlvr train rlvr/Arithmetic-v0 style=compact split=train --model preset:micro --warm-start 0.2 --out runs/train
  rlvr compare runs/base runs/trained --out runs/compare
  rlvr audit rlvr/Countdown-v0                           attacks that want reward without solving
  rlvr check rlvr/Countdown-v0                           whether an environment keeps its contract
  rlvr mcp rlvr/ToolMath-v0                              serve the tools of an environment over MCP
  rlvr sandbox doctor                                    which sandboxes work here
"""

_LIST = """What there is: environments with their keywords, verifiers, recipes.

  rlvr list                                  all of it, a line or two each
  rlvr list --cards rlvr/Countdown-v0        an example, answer format, blind spots, knobs, scores
  rlvr list --cards --out docs/envs          the same for every environment, as pages

Cards are measured: this plays some thousand episodes, and runs programs where responses are programs."""

_BENCH = """Sample n responses to each task, judge them, and estimate pass@k without bias.

  rlvr bench rlvr/Arithmetic-v0 digits=3 split=test --policy model:runs/train/model --n 64 --out runs/trained
  rlvr bench rlvr/GSM8K-v0 path=test.jsonl --policy replay:responses.jsonl --by model --label is_correct --n 1 --out
  runs/gsm8k

The same command again continues an interrupted run; a larger --n keeps the samples that are there. Writes config.json,
samples.jsonl, summary.json, curve.csv, curve.png and report.html into --out."""

_TRAIN = """Train a language model in an environment.

  rlvr train rlvr/Arithmetic-v0 style=compact split=train --eval split=test --eval-every 20 \\
      --model preset:micro --alphabet '0123456789+=' --warm-start 0.25 --recipe grpo --set kl_coef=0 \\
      --steps 400 --max-new-tokens 4 --out runs/train

The same command again continues an interrupted run, exactly. Writes base/ (the model before), model/ (after),
metrics.jsonl and checkpoints/ into --out."""

_CHECK = """Play an environment in many ways and say which promises of Gymnasium and of TextEnv it keeps.

  rlvr check rlvr/Mastermind-v0 length=3
  rlvr check my_package:Riddles-v1 --skip process --json check.json
  rlvr check --list

Exit status: 0 no check fails (checks that cannot be run are marked n/a); 1 at least one does; 2 a mistake in the
command or its input."""

_VERIFY = """Judge one response, or JSONL in and JSONL out.

  rlvr verify number@1 --response 'so #### 1,200' --reference 1200
  rlvr verify math@1 --in responses.jsonl --reference-column answer --out verdicts.jsonl

Exit status: 0 passed (one response) or all judged (a file); 1 not passed, or something could not be judged; 2 a
mistake in the command or its input."""

_MCP = """Serve episodes of an environment with tools over MCP, the Model Context Protocol.

  rlvr mcp rlvr/ToolSQL-v0 --task 3                        to the program that starts it, by standard input and output
  rlvr mcp rlvr/ToolWorld-v0 domain=shop --http 127.0.0.1:8000 --out episodes.jsonl

The tools of the environment are those of the server, and besides rlvr_answer (in ToolWorld rlvr_say) and
rlvr_next_task. The task's text is the prompt and the resource 'task' and in the server's instructions. Needs the extra
'mcp'."""


_AUDIT = """Play scripted attacks that want reward without solving the task, and say which of them pay.

  rlvr audit rlvr/GSM8K-v0                                 on a small sample that comes along
  rlvr audit my_package:Riddles-v1 level=2 --tasks 50 --json audit.json
  rlvr audit math@1 --references golds.jsonl --attack hedge formula_padded
  rlvr audit --list

Exit status: 0 no attack succeeds; 1 an attack earns more than the documented chance level, makes episodes ungradable or
raises; 2 a mistake in the command or its input."""


_CALIBRATE = """\
Measure how often one policy that does not change solves tasks of each level of an environment.

  rlvr calibrate rlvr/Sudoku-v0                               who makes each decision right with 0.98
  rlvr calibrate rlvr/Arithmetic-v0 style=compact --policy model:runs/arith/model --out arith.json

rlvr/Curriculum-v0 takes such a file (calibration=, pass_rate=) and begins at the level that the pass rate asks for.

Exit status: 0 no level is easier than one before it, beyond intervals of 95 %; 1 one is; 2 a mistake in the command or
its input."""


_GROK = """\
The phase transition of DELTA (arXiv 2509.21016) with a transformer of a tenth of a million parameters, from scratch. A
base that writes machines without loops is asked for machines that need them; it is trained on right or wrong alone, on
the share of tapes alone, and on the one and then the other.

  rlvr grok                                                   three seeds of all arms; hours on two cores
  rlvr grok --seeds 0 --arms two_stage --steps 200 --out runs/one
  rlvr grok --plot --out runs/grok                            draw it again from what was run

The same command continues what was interrupted. Writes OUT/grok.json, OUT/grok.png and the folders of all runs."""


def build_parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The whole command line, and the parser of each command."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="rlvr", description=_TOP, formatter_class=raw)
    parser.add_argument("--version", action="version", version=f"rlvr-gym {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_list(
        commands.add_parser("list", help="environments, verifiers and recipes", description=_LIST, formatter_class=raw)
    )
    _add_bench(commands.add_parser("bench", help="pass@k of a policy", description=_BENCH, formatter_class=raw))
    compare = commands.add_parser("compare", help="two runs on the same tasks, paired")
    compare.add_argument("base", help="run folder of the first policy")
    compare.add_argument("other", help="run folder of the second")
    compare.add_argument("--out", required=True, help="folder for compare.json, compare.csv, curve.png and report.html")
    rescore = commands.add_parser("rescore", help="judge stored responses again, without the policy")
    rescore.add_argument("run", help="run folder")
    rescore.add_argument("settings", nargs="*", metavar="key=value", help="settings of --verifier")
    rescore.add_argument("--verifier", help="another verifier, for example math@1")
    rescore.add_argument("--out", required=True, help="folder of the new run")
    _add_train(commands.add_parser("train", help="train a model", description=_TRAIN, formatter_class=raw))
    _add_verify(commands.add_parser("verify", help="judge responses", description=_VERIFY, formatter_class=raw))
    _add_check(commands.add_parser("check", help="does it behave", description=_CHECK, formatter_class=raw))
    play = commands.add_parser("play", help="answer in the terminal")
    _add_env(play)
    play.add_argument("--episodes", type=int, default=5, help="how many tasks (5)")
    play.add_argument("--seed", type=int, default=0, help="seed of the first task (0)")
    _add_audit(commands.add_parser("audit", help="try to cheat", description=_AUDIT, formatter_class=raw))
    _add_calibrate(
        commands.add_parser("calibrate", help="how hard each level is", description=_CALIBRATE, formatter_class=raw)
    )
    _add_grok(
        commands.add_parser("grok", help="dense, then binary: an experiment", description=_GROK, formatter_class=raw)
    )
    _add_mcp(commands.add_parser("mcp", help="serve an environment's tools", description=_MCP, formatter_class=raw))
    sandbox.add_arguments(commands.add_parser("sandbox", help="run untrusted programs, serve a sandbox"))
    return parser, dict(commands.choices)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse a command line.

    `key=value` words are taken wherever they stand. A mistyped command or option ends the process with status 2 and
    near matches.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    parser, commands = build_parser()
    if words and not words[0].startswith("-") and words[0] not in commands:
        parser.error(f"unknown command {words[0]!r}{suggestion(words[0], commands)}")
    args, rest = parser.parse_known_args(words)
    settings = [word for word in rest if "=" in word and not word.startswith("-")]
    if hasattr(args, "settings"):
        args.settings = [*args.settings, *settings]
        rest = [word for word in rest if word not in settings]
    if rest:
        command = getattr(args, "parser", commands[args.command])
        if rest[0].partition("=")[0] == "--env" and any(action.dest == "env" for action in command._actions):
            command.error("unknown argument '--env': the environment is the first argument")
        options = [option for action in command._actions for option in action.option_strings]
        command.error(f"unknown argument {rest[0]!r}{suggestion(rest[0], options)}")
    return args


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cards", nargs="*", metavar="ID", help="cards of these environments (of all)")
    parser.add_argument("--out", metavar="FOLDER", help="write the cards as pages into this folder")


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("env", nargs="?", help="environment id (module:id of other packages)")
    parser.add_argument("settings", nargs="*", metavar="key=value", help="its keywords")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these checks only")
    parser.add_argument("--skip", nargs="+", default=[], metavar="NAME", help="all but these checks")
    parser.add_argument("--seeds", type=int, default=3, help="episodes that are compared in each check (3)")
    parser.add_argument("--tasks", type=int, default=3, help="tasks that are answered right and wrong (3)")
    parser.add_argument("--turns", type=int, default=6, help="most steps of an episode that are compared (6)")
    parser.add_argument("--json", metavar="FILE", help="write the whole report")
    parser.add_argument("--list", action="store_true", help="list the checks")


def _add_env(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("env", help="environment id, for example rlvr/Arithmetic-v0 (see rlvr list)")
    parser.add_argument("settings", nargs="*", metavar="key=value", help="its keywords, values as JSON or plain text")


def _add_calibrate(parser: argparse.ArgumentParser) -> None:
    _add_env(parser)
    parser.add_argument("--policy", default="slips:0.02", help="slips:P or model:FOLDER (slips:0.02)")
    parser.add_argument("--episodes", type=int, default=200, help="of each level (200)")
    parser.add_argument("--seed", type=int, default=0, help="of tasks and samples (0)")
    parser.add_argument("--out", help="JSON file for what was measured")
    _add_sampling(parser)


def _add_grok(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", default="runs/grok", help="where everything goes (runs/grok)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N", help="seeds (0 1 2)")
    parser.add_argument("--arms", nargs="+", metavar="ARM", help="binary, dense, two_stage (all)")
    parser.add_argument("--steps", type=int, help="training steps of an arm")
    parser.add_argument("--imitation", type=int, help="steps of imitation that make the base")
    parser.add_argument("--prompts", type=int, help="prompts a step")
    parser.add_argument("--group", type=int, help="responses to a prompt")
    parser.add_argument("--samples", type=int, help="samples of each problem that the base is asked for (128)")
    parser.add_argument("--pooled", type=int, help="samples of the base in all (as many as an arm plays)")
    parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each (2)")
    parser.add_argument("--plot", action="store_true", help="run nothing; draw what is there")


def _add_mcp(parser: argparse.ArgumentParser) -> None:
    _add_env(parser)
    parser.add_argument("--task", type=int, default=0, help="index of the first task (0)")
    parser.add_argument("--http", metavar="HOST:PORT", help="serve over streamable HTTP instead of standard input")
    parser.add_argument("--out", metavar="FILE", help="append each episode to this file, one line of JSON each")


def _add_audit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="?", help="environment id (module:id of other packages) or verifier name@version"
    )
    parser.add_argument("settings", nargs="*", metavar="key=value", help="its keywords or settings")
    parser.add_argument("--references", metavar="FILE", help="for a verifier: rows of reference, prompt and solution")
    parser.add_argument("--tasks", type=int, help="number of different tasks (16; games 6; programs 3)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the tasks (0)")
    parser.add_argument("--family", help="which attacks: math, code, game or any (what the environment says)")
    parser.add_argument("--chance", type=float, help="share of episodes that luck may pass (what the environment says)")
    parser.add_argument("--attack", nargs="+", default=[], metavar="NAME", help="these attacks or kinds only")
    parser.add_argument("--skip", nargs="+", default=[], metavar="NAME", help="all but these attacks or kinds")
    parser.add_argument("--json", metavar="FILE", help="write the whole report")
    parser.add_argument("--list", action="store_true", help="list the attacks")


def _add_bench(parser: argparse.ArgumentParser) -> None:
    _add_env(parser)
    parser.add_argument("--policy", required=True, help=POLICY_HELP)
    parser.add_argument("--out", required=True, help="run folder")
    parser.add_argument("--n", type=int, default=16, help="samples a task (16)")
    parser.add_argument("-k", help="values of k: 1,2,4 or 1-8 (powers of two up to n)")
    parser.add_argument("--tasks", type=int, default=100, help="number of different tasks (100)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the samples (0)")
    parser.add_argument("--width", type=int, default=256, help="episodes played at once (256)")
    parser.add_argument("--by", metavar="COLUMN", help="replay: one run for each value of this column")
    parser.add_argument(
        "--label", metavar="COLUMN", help="replay: a recorded true/false label to compare verdicts with"
    )
    _add_sampling(parser)


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--max-new-tokens", type=int, default=64, help="longest response of a model, in tokens (64)")
    parser.add_argument("--temperature", type=float, default=1.0, help="sampling temperature of a model (1.0)")


def _add_train(parser: argparse.ArgumentParser) -> None:
    _add_env(parser)
    parser.add_argument(
        "--model", required=True, help="preset:pico, preset:nano, preset:micro, preset:mini, or a transformers folder"
    )
    parser.add_argument("--alphabet", help="characters of a preset's tokenizer (printable ASCII)")
    parser.add_argument(
        "--warm-start", type=float, metavar="RATE", help="imitate the environment's expert up to this pass rate"
    )
    parser.add_argument("--warm-start-lr", type=float, default=1e-3, help="learning rate of the warm start (1e-3)")
    parser.add_argument(
        "--warm-start-every", type=int, default=25, help="steps of imitation between measurements of the pass rate (25)"
    )
    parser.add_argument("--recipe", default="grpo", help="algorithm (grpo); see rlvr list")
    parser.add_argument("--set", nargs="*", default=[], metavar="piece=value", help="pieces of the recipe to replace")
    parser.add_argument("--wrap", metavar="NAME", help="train in a wrapper: hint (for ghpo) or unary (for ufo)")
    parser.add_argument("--reward", metavar="SPEC", help="reward of verdicts: a name or JSON; see docs/schedules.md")
    parser.add_argument("--schedule", metavar="SPEC", help="schedule of the reward: delta_two_stage, or JSON")
    parser.add_argument("--steps", type=int, default=400, help="rollout batches (400)")
    parser.add_argument("--prompts", type=int, default=64, help="prompts a step (64)")
    parser.add_argument("--lr", type=float, default=3e-4, help="learning rate (3e-4)")
    parser.add_argument(
        "--lr-decay", type=float, default=1.0, help="share of the learning rate that is left at the end (1)"
    )
    parser.add_argument("--micro-batch", type=int, default=512, help="rows of one forward pass (512)")
    parser.add_argument("--eval", nargs="*", default=[], metavar="key=value", help="keywords that differ in evaluation")
    parser.add_argument("--eval-every", type=int, default=0, help="steps between evaluations (0: never)")
    parser.add_argument(
        "--eval-n", type=int, default=0, help="also write a pass@k run with so many samples a task at each (0: none)"
    )
    parser.add_argument("--eval-tasks", type=int, default=100, help="tasks of such a run (100)")
    parser.add_argument("--stop-at", type=float, metavar="RATE", help="end once an evaluation reaches this pass rate")
    parser.add_argument("--precision", default="fp32", help="fp32, or bf16: forward passes in half precision (fp32)")
    parser.add_argument(
        "--lora", type=int, default=0, metavar="RANK", help="train an adapter of this rank (0: all weights)"
    )
    parser.add_argument("--lora-alpha", type=float, help="the adapter is scaled by this / RANK (2 * RANK)")
    parser.add_argument(
        "--gradient-checkpointing", action="store_true", help="less memory: compute activations again when learning"
    )
    parser.add_argument("--checkpoint-every", type=int, default=50, help="steps between checkpoints (50)")
    parser.add_argument(
        "--track", nargs="*", default=[], metavar="NAME", help="also tell tensorboard, wandb, mlflow or trackio"
    )
    parser.add_argument("--completions", type=int, default=4, help="responses a step in completions.jsonl (4)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the whole run (0)")
    parser.add_argument("--out", required=True, help="run folder")
    _add_sampling(parser)


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verifier", help="name@version, for example number@1 (see rlvr list)")
    parser.add_argument("settings", nargs="*", metavar="key=value", help="its settings")
    parser.add_argument("--response", help="one response; - reads it from standard input")
    parser.add_argument("--reference", help="what is right; a JSON object where the verifier takes one")
    parser.add_argument("--prompt", help="the question, for verifiers that look at it (math@1 refuses its echo)")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    parser.add_argument("--explain", action="store_true", help="print what was read, and what decided")
    parser.add_argument("--in", dest="input", metavar="FILE", help="JSONL of responses; - for standard input")
    parser.add_argument("--out", metavar="FILE", help="JSONL with a verdict in each row (standard output)")
    parser.add_argument("--response-column", default="response", help="column of the response (response)")
    parser.add_argument("--reference-column", default="reference", help="column of the reference (reference)")
    parser.add_argument("--prompt-column", metavar="COLUMN", help="column of the question, where the file has one")
