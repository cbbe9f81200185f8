"""Every term: its formula on literals, the hack that it invites, and the guard against it."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from rlvr_gym.reward_shaping import (
    Judged,
    RewardContext,
    RewardTerms,
    Span,
    audit,
    make_reward,
    read_spans,
    span_token_rewards,
)
from rlvr_gym.verifiers import ConfigError, Status, Verdict
from rlvr_gym.verifiers.verdict import Part, Reason, VerifierId

WHO = VerifierId("hand", 1, "0")


def verdict(status: Status = Status.FAILED, score: float | None = None, **parts: list[float]) -> Verdict:
    """A verdict; `accept=[1, 0]` are the parts `accept/0`, passed, and `accept/1`, failed."""
    found = tuple(
        Part(f"{kind}/{n}", value >= 1, value) for kind, values in parts.items() for n, value in enumerate(values)
    )
    passed = status is Status.PASSED
    return Verdict(status, float(passed) if score is None else score, Reason("x", "x"), WHO, parts=found)


PASS, FAIL = verdict(Status.PASSED), verdict()


def terms(spec: Any, judged: Verdict, **context: Any) -> RewardTerms:
    return make_reward(spec).terms(Judged(judged, RewardContext(**context)))


def worth(spec: Any, judged: Verdict, **context: Any) -> float:
    return sum(terms(spec, judged, **context).values())


def test_outcome_is_strict() -> None:
    assert terms("outcome", PASS) == {"outcome": 1.0}
    assert terms("outcome", verdict(score=0.99)) == {"outcome": 0.0}


def test_dense_is_the_score_and_below_keeps_a_fail_under_a_pass() -> None:
    assert terms("dense", verdict(score=0.75)) == {"dense": 0.75}
    # The hack: a verifier that gives a fail the whole score. The guard: `below`.
    almost = verdict(score=1.0)
    assert worth("dense", almost) == worth("dense", PASS)
    assert worth({"dense": {"below": 0.9}}, almost) == 0.9 < worth({"dense": {"below": 0.9}}, PASS) == 1.0
    # A verifier with a declared threshold may pass what has a score below 1.
    assert worth({"dense": {"below": 0.9}}, verdict(Status.PASSED, 0.8)) == 1.0


def test_balanced_accuracy_gives_nothing_to_constant_answers() -> None:
    # 19 tapes to accept and 5 to reject. Accept-all has a dense score of 19/24, about 0.79; TPR 1, TNR 0.
    everything = verdict(score=19 / 24, accept=[1.0] * 19, reject=[0.0] * 5)
    nothing = verdict(score=5 / 24, accept=[0.0] * 19, reject=[1.0] * 5)
    assert worth("dense", everything) == pytest.approx(0.79, abs=0.01)
    assert worth("balanced", everything) == worth("balanced", nothing) == 0.0
    # TPR 3/4, TNR 1/2: 3/4 + 1/2 - 1 = 1/4. Worse than chance is 0, not negative: 0 + 1/2 - 1.
    assert worth("balanced", verdict(accept=[1, 1, 1, 0], reject=[1, 0])) == 0.25
    assert worth("balanced", verdict(accept=[0, 0], reject=[1, 0])) == 0.0


def test_balanced_accuracy_leaves_out_what_could_not_be_judged_and_needs_both_kinds() -> None:
    parts = (Part("accept/0", True, 1.0), Part("accept/1", None, 0.0), Part("reject/0", True, 1.0))
    fail = Verdict(Status.FAILED, 0.5, Reason("x", "x"), WHO, parts=parts)
    assert worth("balanced", fail) == 1.0
    assert worth({"balanced": {"below": 0.5}}, fail) == 0.5
    assert worth("balanced", verdict(score=0.9, accept=[1.0, 0.0])) == 0.0
    assert worth("balanced", verdict(Status.PASSED, accept=[1.0])) == 1.0


@pytest.mark.parametrize(("form", "value"), [("mean", 0.5), ("min", 0.25), ("product", 0.09375), ("last", 0.25)])
def test_process_rewards(form: str, value: float) -> None:
    steps = verdict(step=[0.5, 0.75, 0.25])  # mean 1.5/3, product 0.5 * 0.75 * 0.25
    assert terms({"process": {"form": form}}, steps) == {"process": value}
    assert worth({"process": {"form": form}}, FAIL) == 0.0


def test_more_steps_are_not_worth_more_than_good_ones() -> None:
    short, padded = verdict(step=[1.0, 0.5]), verdict(step=[1.0] * 50 + [0.5])
    assert worth("process", padded) == worth("process", short) == 0.5
    # With the mean, padding pays; gated on a pass it pays nothing to a wrong answer.
    gated = {"gate": {"then": {"process": {"form": "mean"}}}}
    assert worth({"process": {"form": "mean"}}, padded) > worth({"process": {"form": "mean"}}, short)
    assert worth(gated, padded) == worth(gated, short) == 0.0


@pytest.mark.parametrize("judged", [PASS, verdict(Status.PASSED, accept=[1.0]), verdict(accept=[1.0, 0.0])])
def test_steps_that_no_verdict_has_are_refused_and_not_0(judged: Verdict) -> None:
    with pytest.raises(ConfigError, match="no part that begins with 'stp/'"):
        worth({"process": {"prefix": "stp/"}}, judged)
    assert worth({"gate": {"then": {"process": {"prefix": "stp/"}}}}, FAIL) == 0.0


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"repetition": {"n": 1.5}}, "n must be a whole number of at least 1, got 1.5"),
        ({"turn_decay": {"turns": 2.5}}, "turns must be a whole number"),
        ({"length": {"fre": 3}}, "'length' has no setting 'fre'; it has free, per, weight, cap, unit"),
        ({"outcome": {"weight": 3}}, "no setting 'weight'; it has none"),
        ({"layered": {"corect": 3}}, "it has correct, partial, form"),
        ("gate", "the reward 'gate' needs then"),
        ({"sum": {"of": ["outcome"], "weights": 5}}, "reward 'sum'"),
        ('{"sum":', "this text is no JSON"),
    ],
)
def test_settings_that_are_none_are_refused_where_they_are_given(spec: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        make_reward(spec)


def test_a_pass_is_worth_less_at_each_attempt_and_more_than_none() -> None:
    assert [worth("turn_decay", PASS, turn=turn) for turn in (1, 2, 3)] == [1.0, 0.5, 0.25]
    assert worth("turn_decay", FAIL, turn=1) == 0.0
    assert audit("turn_decay").margin == 0.0625  # attempt 5 of 5: (1/2)^4
    with pytest.raises(ConfigError, match="turn"):  # an attempt that nobody counted is not the first
        worth("turn_decay", PASS)
    with pytest.raises(ConfigError, match="more than 0"):
        make_reward({"turn_decay": {"decay": 0.0}})


def test_repeated_and_empty_answers_are_charged() -> None:
    # E = 2 ideas in T = 4 attempts: -0.5 * (1 - 2/4).
    assert worth("repeats", FAIL, history=("1/2", "1/2", "3"), answer_key="3") == -0.25
    assert worth("repeats", FAIL, history=("", ""), answer_key="") == -0.5
    assert worth("repeats", FAIL, history=("1", "2"), answer_key="3") == 0.0
    assert worth("repeats", FAIL, answer_key="") == 0.0  # a first attempt has nothing to repeat
    # The hack: the same in other words. Keys are texts; `UnaryFeedback` asks the verifier.
    assert worth("repeats", FAIL, history=("0.5",), answer_key="1/2") == 0.0


def test_format_is_what_the_verifier_could_read() -> None:
    unread = (Status.NO_ANSWER, Status.AMBIGUOUS, Status.MALFORMED)
    assert [worth("format", verdict(status)) for status in unread] == [0.0, 0.0, 0.0]
    assert worth("format", FAIL) == worth("format", PASS) == 1.0
    # The hack: a group of wrong responses looks mixed. The guard: the audit names it, and a gate ends it.
    plain, gated = {"sum": {"of": ["outcome", "format"]}}, {"sum": {"of": ["outcome", {"gate": {"then": "format"}}]}}
    assert worth(plain, FAIL) != worth(plain, verdict(Status.NO_ANSWER))
    assert worth(gated, FAIL) == worth(gated, verdict(Status.NO_ANSWER)) == 0.0
    assert (audit(plain).form_when_wrong, audit(gated).form_when_wrong) == (("format",), ())


def test_the_price_on_length_is_capped() -> None:
    # 0.5 for every 100 tokens above 512: at 2,512 tokens 0.5 * 2000 / 100 = 10, which cancels a right answer.
    loose = {"sum": {"of": ["outcome", {"length": {"cap": None}}]}}
    assert worth(loose, PASS, tokens=2512) == -9.0 < worth(loose, FAIL, tokens=10)
    assert audit(loose).unbounded == ("length",)
    assert not audit(loose).dominates
    capped = {"sum": {"of": ["outcome", "length"]}}
    assert worth(capped, PASS, tokens=2512) == 0.5 > worth(capped, FAIL, tokens=0)
    assert worth(capped, PASS, tokens=562) == 0.75
    assert audit(capped).dominates


def test_among_wrong_responses_a_gated_price_on_length_tells_none_apart() -> None:
    gated = {"sum": {"of": ["outcome", {"gate": {"then": "length"}}]}}
    assert worth(gated, FAIL, tokens=10) == worth(gated, FAIL, tokens=10_000) == 0.0
    assert worth({"sum": {"of": ["outcome", "length"]}}, FAIL, tokens=10_000) == -0.5
    assert audit(gated).problems == ()


def test_lengths_in_words_and_characters() -> None:
    words = {"length": {"free": 2, "per": 1, "weight": 0.125, "unit": "words"}}
    assert worth(words, PASS, response="one two  three\nfour") == -0.25
    characters = {"length": {"free": 2, "per": 1, "weight": 0.125, "unit": "characters"}}
    assert worth(characters, PASS, response="four") == -0.25
    with pytest.raises(ConfigError, match="tokens"):
        worth("length", PASS, response="four")


def test_verbosity_is_a_gated_price_on_words() -> None:
    assert worth("verbosity", PASS, response="a " * 300) == pytest.approx(-0.1)
    assert worth("verbosity", PASS, response="a " * 100_000) == -0.5
    assert worth("verbosity", FAIL, response="a " * 100_000) == 0.0


def test_text_without_blanks_is_one_word_to_verbosity() -> None:
    """The hack: 5,000 characters are free. The guard: characters, and a gate as there."""
    assert worth("verbosity", PASS, response="well" * 1250) == 0.0
    characters = {"gate": {"then": {"length": {"free": 1000, "per": 500, "weight": 0.1, "unit": "characters"}}}}
    assert worth(characters, PASS, response="well" * 1250) == pytest.approx(-0.5)  # 0.1 * 4000 / 500, up to the cap
    assert worth(characters, PASS, response="well" * 500) == pytest.approx(-0.2)
    assert worth(characters, FAIL, response="well" * 1250) == 0.0


def test_overlong_at_its_corners() -> None:
    reward = {"overlong": {"limit": 100, "cache": 20}}
    # 0 up to 80, then linear: -(90 - 80)/20 at 90, -1 at 100; public code gives -1.05 at 101.
    assert [worth(reward, PASS, tokens=n) for n in (80, 90, 100, 101, 10**9)] == [0.0, -0.5, -1.0, -1.0, -1.0]
    assert audit({"sum": {"of": ["outcome", reward]}}).margin == 0.0  # a long pass is worth no more than a short fail
    assert audit({"sum": {"of": ["outcome", {"gate": {"then": reward}}], "weights": [1, 0.5]}}).margin == 0.5


def test_the_cosine_of_length() -> None:
    # Halfway the cosine is 0: right (1 + 0.5)/2, wrong (-1 - 0.5)/2; past the limit the end.
    spec = {"cosine_length": {"limit": 100}}
    assert [worth(spec, PASS, tokens=n) for n in (0, 50, 100, 500)] == pytest.approx([1.0, 0.75, 0.5, 0.5])
    assert [worth(spec, FAIL, tokens=n) for n in (0, 50, 100, 500)] == pytest.approx([-1.0, -0.75, -0.5, -0.5])
    assert audit(spec).margin == 1.0
    # The hack: among wrong responses the long one is worth more. The audit names it, unless the ends are one.
    assert audit(spec).form_when_wrong == ("cosine_length",)
    assert audit({"cosine_length": {"wrong": [-1.0, -1.0]}}).problems == ()
    # The hack: ends for which a long wrong response is worth as much as a right one. The constructor refuses them.
    with pytest.raises(ConfigError, match="above every wrong"):
        make_reward({"cosine_length": {"right": [1.0, 0.0], "wrong": [-1.0, 0.0]}})


def test_repeated_runs_of_words() -> None:
    # "a b a b a b": 2-grams ab ba ab ba ab, 2 different of 5.
    assert worth({"repetition": {"n": 2}}, FAIL, response="a b a b a b") == pytest.approx(-0.6)
    assert worth("repetition", FAIL, response="a b") == 0.0
    assert worth("repetition", FAIL, response="one two three four") == 0.0
    assert audit("repetition").range == (-1.0, 0.0)


def test_another_filler_at_each_place_is_no_repetition_and_a_price_on_length_sees_it() -> None:
    filler = " ".join(f"well{n}" for n in range(600))
    assert worth("repetition", FAIL, response=filler) == 0.0
    assert worth("repetition", FAIL, response="well " * 600) == pytest.approx(-(1 - 1 / 598))
    priced = {"sum": {"of": ["repetition", {"length": {"unit": "words"}}]}}
    assert worth(priced, FAIL, response=filler) == pytest.approx(-0.5 * 88 / 100)  # 600 words, 512 of them free
    assert audit({"sum": {"of": ["outcome", "repetition"]}}).form_when_wrong == ("repetition",)


def test_among_wrong_responses_the_short_ones_lose_least_to_kimi_length() -> None:
    """Lengths 10, 20, 30: x = 1/2, 0, -1/2, of which a fail gets min(0, x)."""
    batch = [Judged(FAIL, RewardContext(group_id="a", tokens=n)) for n in (10, 20, 30)]
    assert [row["kimi_length"] for row in make_reward("kimi_length").terms_of(batch)] == [0.0, 0.0, -0.5]
    assert audit({"sum": {"of": ["outcome", "kimi_length"]}}).form_when_wrong == ("kimi_length",)
    gated = {"sum": {"of": ["outcome", {"gate": {"then": "kimi_length"}}], "weights": [1, 0.5]}}
    rows = make_reward(gated).terms_of(batch)
    assert {sum(row.values()) for row in rows} == {0.0}
    assert audit(gated).problems == ()


def test_no_tool_at_all_is_cheapest_to_tool_cost() -> None:
    """The hack: with a price above what a right answer is worth, not to call is best. The guard: the cap, the gate."""
    loose = {"sum": {"of": ["outcome", {"tool_cost": {"price": 0.5, "cap": None}}]}}
    assert worth(loose, PASS, extras={"tool_calls": 3}) == -0.5 < worth(loose, FAIL, extras={"tool_calls": 0})
    assert not audit(loose).dominates
    capped = {"sum": {"of": ["outcome", {"gate": {"then": {"tool_cost": {"price": 0.5}}}}]}}
    assert worth(capped, PASS, extras={"tool_calls": 3}) == 0.5 > worth(capped, FAIL, extras={"tool_calls": 0})
    assert audit(capped).problems == ()


def test_tool_calls_cost_up_to_a_cap() -> None:
    spec = {"tool_cost": {"price": 0.25}}
    assert [worth(spec, PASS, extras={"tool_calls": n}) for n in (0, 1, 100)] == [0.0, -0.25, -0.5]
    gated = {"sum": {"of": ["outcome", {"gate": {"then": spec}}]}}
    assert worth(gated, FAIL, extras={"tool_calls": 0}) == worth(gated, FAIL, extras={"tool_calls": 9}) == 0.0
    assert audit({"tool_cost": {"cap": None}}).unbounded == ("tool_cost",)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, True, "3", None])
def test_numbers_from_outside_are_checked(value: Any) -> None:
    with pytest.raises(ConfigError, match="tool_calls"):
        worth("tool_cost", PASS, extras={"tool_calls": value})
    with pytest.raises(ConfigError):
        worth({"rubric": {"weights": {"a": 1.0}}}, PASS, extras={"rubric": {"a": value}})


def test_what_a_term_reads_must_be_there() -> None:
    for spec, name in (("tool_cost", "tool_calls"), ({"rubric": {"weights": {"a": 1}}}, "rubric")):
        with pytest.raises(ConfigError, match=name):
            worth(spec, PASS)
    with pytest.raises(ConfigError, match="says nothing of 'b'"):
        worth({"rubric": {"weights": {"a": 1, "b": 1}}}, PASS, extras={"rubric": {"a": 1.0}})


def test_a_rubric_is_a_weighted_sum_that_the_audit_sees() -> None:
    spec = {"rubric": {"weights": {"cites": 0.5, "scolds": -0.25}}}
    holds = {"cites": 0.5, "scolds": 1.0}
    assert terms(spec, FAIL, extras={"rubric": holds}) == {"rubric/cites": 0.25, "rubric/scolds": -0.25}
    assert audit({"sum": {"of": ["outcome", spec]}}).margin == 0.25  # worst pass 1 - 0.25, best fail 0.5
    assert not audit({"sum": {"of": ["outcome", spec, spec]}}).dominates


def test_many_harmless_spans_do_not_bury_a_false_one() -> None:
    spans = [{"kind": "fact", "start": 0, "end": 1, "score": -1.0}]
    more = [{"kind": "style", "start": n, "end": n + 1, "score": 1.0} for n in range(20)]
    spec = {"spans": {"weights": {"fact": 1.0, "style": 0.25}}}
    assert terms(spec, FAIL, extras={"spans": spans + more}) == {"spans/fact": -1.0, "spans/style": 0.25}
    assert terms(spec, FAIL, extras={"spans": []}) == {"spans/fact": 0.0, "spans/style": 0.0}
    assert audit(spec).range == (-1.25, 1.25)


def test_spans_are_paid_at_their_last_token() -> None:
    spans = [Span("fact", 0, 3, 1.0), Span("fact", 1, 3, -0.5), Span("tone", 0, 4, 1.0), Span("other", 0, 1, 1.0)]
    # Token 2: 2 * 1 + 2 * -0.5. Token 3: 0.5 * 1. The kind `other` has no weight.
    assert span_token_rewards(spans, {"fact": 2.0, "tone": 0.5}, 5) == [0.0, 0.0, 1.0, 0.5, 0.0]
    with pytest.raises(ConfigError, match="ends after"):
        span_token_rewards(spans, {"fact": 1.0}, 3)


@pytest.mark.parametrize(
    "value",
    [
        "text",
        [{"kind": "a", "start": 0, "end": 1}],
        [{"kind": "a", "start": 1, "end": 1, "score": 0.0}],
        [{"kind": "a", "start": 0, "end": 1, "score": 2.0}],
        [{"kind": "a", "start": True, "end": 2, "score": 0.0}],
    ],
)
def test_what_is_no_list_of_spans_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError):
        read_spans(value)


def test_layers_are_sound_or_refused() -> None:
    assert worth("layered", PASS) == 16.0
    assert worth("layered", verdict(score=0.5)) == 3.5  # 5 * 0.5 + 1
    assert audit("layered").margin == 5.0  # worst pass 10 + 0 + 1, best fail 5 + 1
    with pytest.raises(ConfigError, match="a fail could earn"):
        make_reward({"layered": {"correct": 6.0}})


def test_fluent_logic_does_not_pay_for_a_wrong_answer() -> None:
    fluent = verdict(step=[1.0, 1.0])
    right = verdict(Status.PASSED, step=[1.0, 0.0])
    plain = {"cot_ro": {"gated": False}}
    # 0.6 * 1 + 0.3 * 1/2 - 0.1 * 512/1024
    assert worth("cot_ro", right, tokens=512) == pytest.approx(0.6 + 0.15 - 0.05)
    assert worth(plain, fluent, tokens=0) == pytest.approx(0.3)
    assert worth("cot_ro", fluent, tokens=0) == 0.0
    assert audit(plain).form_when_wrong == ("process", "length")
    assert audit("cot_ro").problems == ()
