"""A customer in a world: drawn, written out as a task, and checked: silence and refusals alone must not solve it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.task import Task, copied
from rlvr_gym.envs.worlds.base import TODAY, VERIFY, Builder, Call, Domain, Tables, Wish, call
from rlvr_gym.envs.worlds.lending import LIBRARY
from rlvr_gym.envs.worlds.shop import SHOP
from rlvr_gym.envs.worlds.travel import TRAVEL
from rlvr_gym.verifiers import ConfigError, make_verifier
from rlvr_gym.verifiers.conduct import SAY, USER, numbers, remainder

DOMAINS: Mapping[str, Domain] = {"shop": SHOP, "travel": TRAVEL, "library": LIBRARY}
WORLD = "world"  # name of the toolkit, and of its state
SPARE_NUMBERS = 4  # that may be told beside those which are needed, for each wish

_BEFORE = (
    f"First ask for the customer's email address and code and check them with {VERIFY}; until then use no other tool.",
)
_AFTER = (
    "Let the customer say what a question is about before you answer it, even where you could guess.",
    "Before every change say what you are going to do: the action in the word with which its tool begins, and its "
    "number (for a payment, the amount). Say it without a 'not', ask whether the customer agrees, and wait for a yes.",
    "Make each change that is wanted in one call, and no other, not even one that you take back.",
    "What the rules do not allow you do not do, however the customer insists: say that you cannot do it, and do "
    "nothing else in its place.",
    "Give amounts, dates and numbers as they stand in the database. Tell only what is asked for.",
)
_HOW = (
    "What you write without a call is said to the customer, who answers. Customers tell details only when asked. "
    "A message that asks nothing is your last word on the present wish; the customer then brings up the next one, or "
    "leaves, which ends the conversation."
)
QUESTIONS: Mapping[str, str] = {
    "order": "Which order is it?",
    "item": "Which item is it?",
    "address": "What is the new address?",
    "reason": "What is the reason?",
    "method": "Where should the refund go?",
    "booking": "Which booking is it?",
    "flight": "Which flight would you like?",
    "bags": "How many bags?",
    "route": "From where, and where to?",
    "book": "Which book is it?",
    "amount": "What amount?",
}


class Problem(NamedTuple):
    """A customer in a world, with wishes in the order in which they come up."""

    domain: str
    tables: Tables
    customer: str
    wishes: tuple[Wish, ...]
    pushes: int

    @property
    def known(self) -> tuple[str, str]:
        """Email address and code of the customer."""
        row = self.tables[DOMAINS[self.domain].kit.people][self.customer]
        return row["email"], row["code"]


def drawn(rng: TaskRandom, domain: str, wishes: int, refused: bool, pushes: int, strangers: int) -> Problem:
    """Draw a customer.

    Args:
        rng: Where everything random comes from.
        domain: One of `DOMAINS`.
        wishes: How many wishes may be fulfilled; they are of different kinds.
        refused: Whether there is one more, which must be refused.
        pushes: How often the customer does not accept a refusal.
        strangers: Other customers in the world.
    """
    kind = DOMAINS[domain]
    build = Builder(rng, kind)
    makers = list(kind.allowed)
    chosen = [makers.pop(rng.below(len(makers)))(build) for _ in range(wishes)]
    if refused:
        wish = rng.choice(kind.refused)(build)
        while any(_concerns(wish, name) and _concerns(other, name) for name in kind.once for other in chosen):
            wish = rng.choice(kind.refused)(build)
        chosen.insert(rng.below(len(chosen) + 1), wish)
    for _ in range(strangers):
        kind.stranger(build)
    tables = {name: dict(sorted(rows.items())) for name, rows in build.tables.items()}
    return Problem(domain, tables, build.customer, tuple(chosen), pushes)


def written(problem: Problem, difficulty: Mapping[str, Any]) -> Task:
    """The problem as a task.

    Raises:
        ConfigError: Whoever says nothing, or refuses everything, would solve it.
    """
    reference = duties(problem)
    _check_work(reference, problem)
    email, code = problem.known
    user = {
        "known": {"email": f"{email} is my email address.", "code": f"My code is {code}."},
        "wishes": [
            {
                "says": wish.says,
                "details": dict(wish.details),
                "names": list(wish.names),
                "act": wish.changes[0]["name"].partition("_")[0] if wish.changes else "",
                "refused": bool(wish.refused),
            }
            for wish in problem.wishes
        ],
        "pushes": problem.pushes,
    }
    private = {
        "reference": reference,
        "domain": problem.domain,
        "database": problem.tables,
        "user": user,
        "expert": script(problem),
    }
    kind = DOMAINS[problem.domain]
    rules = "\n".join(f"{number}. {rule}" for number, rule in enumerate((*_BEFORE, *kind.rules, *_AFTER), 1))
    prompt = f"You work at {kind.desk}. Today is {TODAY.isoformat()}.\n\nRules:\n{rules}\n\n{_HOW}"
    return Task.create(prompt, private, difficulty=difficulty)


def duties(problem: Problem) -> dict[str, Any]:
    """The reference for `episode@1`: what is to be so in the end is found by doing it in a fresh world."""
    before, after = final_state(problem, ()), final_state(problem, problem.wishes)
    goals = [
        {"at": [WORLD, "tables", table, key], "value": row}
        for table, rows in after["tables"].items()
        for key, row in rows.items()
        if before["tables"][table].get(key) != row
    ]
    ignore = [[WORLD, "session"]]
    paths = [tuple(goal["at"]) for goal in goals] + [tuple(path) for path in ignore]
    calls = sum(len(wish.reads) + len(wish.changes) for wish in problem.wishes)
    talk = [text for wish in problem.wishes for text in (*wish.details.values(), *wish.names, *wish.tells)]
    return {
        "goals": goals,
        "tell": [_fact(number, wish, fact) for number, wish in enumerate(problem.wishes) for fact in wish.tells],
        "refuse": [number for number, wish in enumerate(problem.wishes) if wish.refused],
        "rules": rules_of(problem),
        "rest": remainder({WORLD: after}, paths),
        "ignore": ignore,
        "most_calls": 10 + 3 * calls,
        "most_numbers": SPARE_NUMBERS * len(problem.wishes) + len(set(numbers(" ".join(talk)))),
    }


def final_state(problem: Problem, wishes: Sequence[Wish]) -> Any:
    """The state of a fresh world after some wishes were fulfilled; those to be refused are left."""
    kit = DOMAINS[problem.domain].kit(problem.tables)
    for wish in wishes:
        for change in () if wish.refused else wish.changes:
            getattr(kit, change["name"])(**change["arguments"])
    return copied(kit.get_state())


def rules_of(problem: Problem) -> list[dict[str, Any]]:
    """Who the customer is before all else; a yes before each change; never what must be refused; nothing twice.

    What is changed counts, and not to what: another spelling, or the same in parts, is the same change.
    """
    changes = DOMAINS[problem.domain].changes
    _, code = problem.known
    others = [name for name in tool_names(problem.domain) if name != VERIFY]
    verified = {"name": VERIFY, "arguments": {"code": code}}
    rules: list[dict[str, Any]] = [{"kind": "before", "first": verified, "call": {"name": others}}]
    for number, wish in enumerate(problem.wishes):
        agreed = {"name": USER, "arguments": {"wish": number, "agreed": True}}
        for change in wish.changes:
            rule = {"kind": "never"} if wish.refused else {"kind": "before", "first": agreed}
            what = {key: change["arguments"][key] for key in changes[change["name"]]}
            rules.append({**rule, "call": call(change["name"], **what)})
    wanted = [change["name"] for wish in problem.wishes if not wish.refused for change in wish.changes]
    return rules + [{"kind": "at_most", "call": {"name": name}, "count": wanted.count(name)} for name in changes]


def script(problem: Problem) -> list[dict[str, Any]]:
    """What a good clerk does, one response after the other: `{"say": text}` or `{"call": call}`."""
    email, code = problem.known
    steps: list[dict[str, Any]] = [
        {"say": "May I have your email address and your code, please?"},
        {"call": call(VERIFY, email=email, code=code)},
    ]
    for wish in problem.wishes:
        steps.append({"say": " ".join(QUESTIONS[topic] for topic in wish.details)})
        steps += [{"call": read} for read in wish.reads]
        if wish.refused:
            steps += [{"say": f"I am sorry, I cannot do that: {wish.refused}."}] * (problem.pushes + 1)
            continue
        if wish.changes:
            action = wish.changes[0]["name"].replace("_", " ")
            steps.append({"say": f"I am going to {action}: {', '.join(wish.names)}. Do you agree?"})
            steps += [{"call": change} for change in wish.changes]
        steps.append({"say": f"Here you are: {', '.join(wish.tells)}." if wish.tells else "It is done."})
    return steps


def tool_names(domain: str) -> tuple[str, ...]:
    """The names of the tools of a domain."""
    return tuple(tool.name for tool in DOMAINS[domain].kit({}).tools())


def said(text: str, wish: int) -> dict[str, Any]:
    """A message to the customer, as an entry of the log."""
    return {"name": SAY, "arguments": {"text": text, "wish": wish}, "error": "", "text": ""}


def _check_work(reference: Mapping[str, Any], problem: Problem) -> None:
    """Refuse a task that is solved without work."""
    state = {WORLD: final_state(problem, ())}
    refusals = [said("I am sorry, I cannot do that.", number) for number in range(len(problem.wishes))]
    for log in ([], refusals):
        verdict = make_verifier("episode@1").verify("", reference, context={"log": log, "state": state})
        if verdict.passed or not verdict.gradable or verdict.score:
            raise ConfigError(f"a task is solved without work, or cannot be judged: {verdict.reason.text}")


def _fact(number: int, wish: Wish, fact: str) -> Any:
    """What must be told; the answer to a question, after the customer said what it is about."""
    if wish.changes:
        return fact
    return {"fact": fact, "after": {"name": USER, "arguments": {"wish": number, "told": True}}}


def _concerns(wish: Wish, name: str) -> bool:
    return any(change["name"] == name for change in wish.changes)


__all__ = ["DOMAINS", "WORLD", "Call", "Problem", "drawn", "duties", "final_state", "rules_of", "script", "written"]
