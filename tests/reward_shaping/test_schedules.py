"""Schedules as pure functions: shapes, triggers, stages, hysteresis, rescue, and what JSON keeps of them."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.reward_shaping.schedules import (
    PRESETS,
    START,
    AllOf,
    AnyOf,
    AtStep,
    Controller,
    Coverage,
    Feedback,
    InformativeGroups,
    Manual,
    Not,
    Outcome,
    Plateau,
    Rescue,
    RewardSchedule,
    SchedulePoint,
    ScheduleState,
    Stage,
    StaleVersionError,
    Stay,
    SuccessRate,
    cosine_mix,
    delta_two_stage,
    make_schedule,
    make_shape,
    make_trigger,
    merged,
    outcome_of,
)
from rlvr_gym.verifiers import ConfigError, UnknownNameError, make_verifier
from rlvr_gym.verifiers.verdict import Reason, Status, Verdict, VerifierId

DENSE_BINARY: list[dict[str, Any]] = [
    {"name": "dense", "values": {"mix": 0}, "until": {"coverage": {"min_fraction": 0.5}}},
    {"name": "binary", "values": {"mix": 1}},
]


def seen(step: int, **prompts: tuple[int, int]) -> Feedback:
    return Feedback(step, prompts)


def stay(*counts: dict[str, tuple[int, int]]) -> Stay:
    return Stay(len(counts), tuple(Feedback(step, each) for step, each in enumerate(counts, start=1)))


def stages_of(schedule: RewardSchedule, feedback: list[Feedback]) -> list[str]:
    """The stage after each step."""
    state, found = schedule.initial(), []
    for each in feedback:
        state = schedule.update(state, each)
        found.append(schedule.at(state).stage)
    return found


# --- Points and shapes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [(-1, "a", {}), (True, "a", {}), (1.0, "a", {}), (1, None, {}), (1, "a", []), (1, "a", {"mix": math.nan}),
     (1, "a", {"mix": True}), (1, "a", {"mix": "1"}), (1, "a", {2: 1.0})],
)  # fmt: skip
def test_a_point_is_a_version_a_stage_and_finite_numbers(fields: Any) -> None:
    with pytest.raises(ConfigError):
        SchedulePoint(*fields)


def test_a_point_is_its_own_and_travels_as_json() -> None:
    values = {"b": 1, "a": 0.25}
    point = SchedulePoint(2, "x", values)
    values["a"] = 9.0
    assert point == SchedulePoint.from_dict(json.loads(json.dumps(point.to_dict())))
    assert list(point.values.items()) == [("a", 0.25), ("b", 1.0)]
    assert SchedulePoint(0, "start", {}) == START
    with pytest.raises(ConfigError, match="version, stage and values"):
        SchedulePoint.from_dict({"version": 1})


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        (0.25, {0: 0.25, 9: 0.25}),
        ({"step": {"start": 0, "end": 1, "steps": 3}}, {0: 0.0, 2: 0.0, 3: 1.0, 4: 1.0}),
        ({"linear": {"start": 1, "end": 0, "steps": 4}}, {0: 1.0, 1: 0.75, 3: 0.25, 4: 0.0, 5: 0.0}),
        # half a cosine at a third of its way: (1 - cos 60°) / 2 = 1/4
        ({"cosine": {"start": 0, "end": 2, "steps": 3}}, {0: 0.0, 1: 0.5, 2: 1.5, 3: 2.0, 7: 2.0}),
        # rate ln 4, half way: (1 - 1/2) / (1 - 1/4) = 2/3
        ({"exponential": {"start": 0, "end": 3, "steps": 2, "rate": math.log(4)}}, {0: 0.0, 1: 2.0, 2: 3.0}),
        ({"piecewise": {"points": [[2, 1.0], [4, 0.0], [5, 4.0]]}}, {0: 1.0, 2: 1.0, 3: 0.5, 4: 0.0, 5: 4.0, 6: 4.0}),
    ],
)  # fmt: skip
def test_shapes_are_what_they_say(spec: Any, values: dict[int, float]) -> None:
    shape = make_shape(spec)
    assert {t: shape.at(t) for t in values} == pytest.approx(values, abs=1e-12)
    assert make_shape(json.loads(json.dumps(shape.to_dict()))) == shape


@pytest.mark.parametrize(
    "spec",
    ["linear", {"linear": {"start": 0, "end": 1}}, {"linear": {"start": 0, "end": 1, "steps": 0}}, True, None,
     {"constant": {"value": math.inf}}, {"exponential": {"start": 0, "end": 1, "steps": 2, "rate": 0}},
     {"piecewise": {"points": []}}, {"piecewise": {"points": [[1, 0.0], [1, 1.0]]}},
     {"linear": {"start": 0, "end": 1, "stepz": 3}}],
)  # fmt: skip
def test_shapes_refuse(spec: Any) -> None:
    with pytest.raises(ConfigError):
        make_shape(spec)


def test_a_mistyped_name_is_answered_with_near_ones() -> None:
    with pytest.raises(UnknownNameError, match="'cosine'"):
        make_shape({"cosin": {}})
    with pytest.raises(UnknownNameError, match="'coverage'"):
        make_trigger("covrage")
    with pytest.raises(UnknownNameError, match="'cosine_mix'"):
        make_schedule("cosinemix")
    with pytest.raises(ConfigError, match="min_fraction"):
        make_trigger({"coverage": {"fraction": 0.1}})


# --- Feedback --------------------------------------------------------------------------------------------------------


def test_feedback_counts_what_could_be_graded() -> None:
    who = VerifierId("v", 1, "")
    lost = Verdict(Status.SANDBOX_ERROR, 0.0, Reason("down", ""), who)
    half = Verdict(Status.FAILED, 0.5, Reason("half", ""), who)
    right = make_verifier("number@1").verify("#### 7", 7)
    feedback = Feedback.of(3, [outcome_of("a", verdict) for verdict in (lost, half, right, None)])
    assert feedback.per_prompt == {"a": (3, 1)}
    assert (feedback.mean_dense, feedback.mean_full) == (0.5, 1 / 3)
    assert (Feedback(1).mean_dense, Feedback(1).mean_full, Feedback(1).coverage) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "fields",
    [{"step": 0}, {"step": 1, "per_prompt": {"a": (1, 2)}}, {"step": 1, "per_prompt": {"a": (0, 0)}},
     {"step": 1, "per_prompt": {"a": 1}}, {"step": 1, "per_prompt": {1: (1, 1)}}, {"step": 1, "score_units": 0.5},
     {"step": 1, "signals": (1,)}],
)  # fmt: skip
def test_feedback_refuses_what_is_no_count(fields: Any) -> None:
    with pytest.raises(ConfigError):
        Feedback(**fields)


outcomes = st.lists(st.builds(Outcome, st.sampled_from("abcd"), st.booleans(), st.floats(0, 1)), max_size=12)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(first=outcomes, second=outcomes, third=outcomes, shuffled=st.randoms(use_true_random=False))
def test_merging_is_exact_in_any_order_and_any_grouping(
    first: list[Outcome], second: list[Outcome], third: list[Outcome], shuffled: random.Random
) -> None:
    a, b, c = (Feedback.of(4, each, signals=[str(len(each))]) for each in (first, second, third))
    whole = merged([a, b, c])
    assert merged([a, merged([b, c])]) == merged([merged([a, b]), c]) == merged([c, a, b]) == whole
    together = first + second + third
    shuffled.shuffle(together)
    assert Feedback.of(4, together, whole.signals) == whole
    assert Feedback.from_dict(json.loads(json.dumps(whole.to_dict()))) == whole
    schedule = delta_two_stage(min_steps=1)
    assert schedule.update(schedule.initial(), whole) == schedule.update(
        schedule.initial(), Feedback.of(4, together, whole.signals)
    )


def test_only_feedback_of_one_step_can_be_merged() -> None:
    with pytest.raises(ConfigError, match=r"\[1, 2\]"):
        merged([Feedback(1), Feedback(2)])
    with pytest.raises(ConfigError, match="none"):
        merged([])


# --- Triggers --------------------------------------------------------------------------------------------------------


def test_coverage_is_the_share_of_distinct_prompts_of_the_window_with_a_pass() -> None:
    first = {"a": (8, 0), "b": (8, 8), "c": (8, 0)}
    second = {"c": (8, 1), "d": (8, 0)}
    both = stay(first, second)
    assert Coverage(0.5, window=2).fires(both)  # b and c of a, b, c, d
    assert not Coverage(0.51, window=2).fires(both)
    assert Coverage(0.5, window=1).fires(both)  # c of c, d
    assert Coverage(0.5, window=3).fires(both) is None
    assert Coverage(0.5, window=2, min_prompts=5).fires(both) is None
    assert not Coverage(0.34).fires(stay(first))
    assert Coverage(1 / 3).fires(stay(first))


def test_coverage_is_not_moved_by_one_easy_prompt() -> None:
    easy = stay({"easy": (64, 64), **{str(i): (1, 0) for i in range(19)}})
    assert easy.recent[0].mean_full > 0.7
    assert not Coverage(0.1).fires(easy)


def test_the_success_rate_is_a_lower_bound() -> None:
    # Wilson, 9 of 10 at 95 % one-sided, z = 1.6449: (9 + 1.3528) / 12.7055 - 1.6449 / 12.7055 * sqrt(0.9 + 0.6764)
    # = 0.81483 - 0.16255 = 0.6523
    nine = stay({"a": (5, 5)}, {"b": (5, 4)})
    assert SuccessRate(0.652, window=2).fires(nine)
    assert not SuccessRate(0.653, window=2).fires(nine)
    assert SuccessRate(0.1, window=2, min_samples=11).fires(nine) is None
    assert not SuccessRate(0.0, window=1).fires(stay({"a": (100, 0)}))


def test_informative_groups_are_predicted_from_posterior_means() -> None:
    # a: 1 of 3, b: 0 of 3; together 1/6. Posterior means (1 + 1/6) / 4 = 7/24 and (1/6) / 4 = 1/24. Of groups of two
    # are mixed 2 p (1 - p): 2 * 7 * 17 / 576 = 0.41319 and 2 * 23 / 576 = 0.07986; two prompts a step: 0.49306
    groups = stay({"a": (3, 1), "b": (3, 0)})
    assert InformativeGroups(0.493, group_size=2).fires(groups)
    assert not InformativeGroups(0.4931, group_size=2).fires(groups)
    assert not InformativeGroups(1e-9).fires(stay({"a": (16, 0), "b": (16, 0)}))
    assert not InformativeGroups(1e-9).fires(stay({"a": (16, 16)}))


def test_a_plateau_is_a_mean_that_does_not_rise() -> None:
    rising = [Feedback(step, {"a": (10, step)}, step * 2**32) for step in range(1, 8)]  # mean 0.1 a step
    flat = [Feedback(step, {"a": (10, 5)}, 5 * 2**32) for step in range(1, 8)]
    for metric in ("dense", "passed"):
        assert Plateau(metric, window=2, min_delta=0.31, patience=3).fires(Stay(7, tuple(rising)))
        assert not Plateau(metric, window=2, min_delta=0.29, patience=3).fires(Stay(7, tuple(rising)))
        assert Plateau(metric, window=2, min_delta=0.01, patience=3).fires(Stay(7, tuple(flat)))
        assert Plateau(metric, window=4, min_delta=0.01, patience=4).fires(Stay(7, tuple(flat))) is None


def test_rescue_wants_every_one_of_the_last_steps_to_be_without_signal() -> None:
    tied, mixed = {"a": (4, 0), "b": (4, 4)}, {"a": (4, 1), "b": (4, 4)}
    assert Rescue(1, steps=2).fires(stay(mixed, tied, tied))
    assert not Rescue(1, steps=3).fires(stay(mixed, tied, tied))
    assert Rescue(2, steps=3).fires(stay(mixed, tied, tied))


UNKNOWN = Coverage(0.1, window=9)
YES, NO = AtStep(1), AtStep(99)


@pytest.mark.parametrize(
    ("trigger", "answer"),
    [
        (AnyOf((YES, UNKNOWN)), True),
        (AnyOf((NO, UNKNOWN)), None),
        (AnyOf((NO, NO)), False),
        (AllOf((YES, YES)), True),
        (AllOf((YES, UNKNOWN)), None),
        (AllOf((NO, UNKNOWN)), False),
        (Not(YES), False),
        (Not(NO), True),
        (Not(UNKNOWN), None),
    ],
)
def test_too_little_evidence_is_neither_yes_nor_no(trigger: Any, answer: bool | None) -> None:
    assert trigger.fires(stay({"a": (1, 1)})) is answer
    assert make_trigger(json.loads(json.dumps(trigger.to_dict()))) == trigger


@pytest.mark.parametrize(
    "spec",
    [{"coverage": {"min_fraction": 0}}, {"coverage": {"window": 0}}, {"at_step": {}}, {"any": {"triggers": []}},
     {"success_rate": {"threshold": 1}}, {"success_rate": {"threshold": 0.5, "confidence": 0.5}},
     {"plateau": {"metric": "loss"}}, {"informative_groups": {"min_per_step": 0}}, {"manual": {"signal": ""}},
     {"not": {"trigger": 3}}, 7],
)  # fmt: skip
def test_triggers_refuse(spec: Any) -> None:
    with pytest.raises(ConfigError):
        make_trigger(spec)


# --- Stages ----------------------------------------------------------------------------------------------------------


def test_a_schedule_goes_on_when_its_trigger_fires_and_never_before_min_steps() -> None:
    schedule = delta_two_stage(min_steps=3, coverage=0.5)
    full, none = {"a": (4, 1), "b": (4, 0)}, {"a": (4, 0), "b": (4, 0)}
    feedback = [Feedback(step, full if step in (1, 2, 5) else none) for step in range(1, 8)]
    assert stages_of(schedule, feedback) == ["dense"] * 4 + ["binary"] * 3


def test_a_stage_begins_without_the_evidence_and_the_signals_of_the_one_before() -> None:
    covered = {"coverage": {"min_fraction": 0.5, "window": 2}}
    middle = {"name": "b", "values": {}, "until": {"any": {"triggers": ["manual", covered]}}}
    first = {"name": "a", "values": {}, "until": {"any": {"triggers": ["manual", covered]}}}
    schedule = make_schedule({"stages": [first, middle, {"name": "c", "values": {}}]})
    full = {"x": (1, 1)}
    by_coverage = [Feedback(step, full) for step in range(1, 5)]
    assert stages_of(schedule, by_coverage) == ["a", "b", "b", "c"]  # two steps of each stage fill its window
    by_hand = [Feedback(step, {}, 0, ("next",) if step in (1, 3) else ()) for step in range(1, 5)]
    assert stages_of(schedule, by_hand) == ["b", "b", "c", "c"]


def test_a_state_keeps_no_more_than_its_triggers_look_at() -> None:
    schedule = make_schedule({"stages": [{**DENSE_BINARY[0], "until": {"coverage": {"window": 3}}}, DENSE_BINARY[1]]})
    state = schedule.initial()
    for step in range(1, 9):
        state = schedule.update(state, seen(step, a=(1, 0)))
    assert [feedback.step for feedback in state.recent] == [6, 7, 8]


def test_a_step_that_was_told_already_is_ignored() -> None:
    schedule = make_schedule({"stages": DENSE_BINARY})
    first = schedule.update(schedule.initial(), seen(2, a=(4, 0)))
    assert schedule.update(first, seen(2, a=(4, 4))) is first
    assert schedule.update(first, seen(1, a=(4, 4))) is first
    assert schedule.at(schedule.update(first, seen(3, a=(4, 4)))).stage == "binary"


def test_a_step_without_outcomes_is_a_step_and_no_evidence() -> None:
    schedule = make_schedule(
        {"stages": [
            {"name": "dense", "values": {}, "until": {"not": {"trigger": {"coverage": {"window": 2}}}}},
            {"name": "binary", "values": {}},
        ]}
    )  # fmt: skip
    none = {"a": (4, 0)}
    assert stages_of(schedule, [Feedback(1, none), Feedback(2), Feedback(3), Feedback(4, none)]) == [
        "dense", "dense", "dense", "binary",
    ]  # fmt: skip


def test_versions_name_points() -> None:
    schedule = cosine_mix(3)
    state = schedule.initial()
    points = [schedule.at(state)]
    for step in range(1, 6):
        state = schedule.update(state, Feedback(step))
        points.append(schedule.at(state))
    assert [point.version for point in points] == [1, 2, 3, 4, 4, 4]
    assert [point.values["mix"] for point in points] == pytest.approx([0, 0.25, 0.75, 1, 1, 1])


def test_a_shape_begins_with_its_stage() -> None:
    ramp = {"linear": {"start": 0, "end": 1, "steps": 2}}
    spec = {"stages": [
        {"name": "dense", "values": {"mix": 0}, "until": {"at_step": {"steps": 3}}},
        {"name": "mix", "values": {"mix": ramp}},
    ]}  # fmt: skip
    schedule = make_schedule(spec)
    state, found = schedule.initial(), []
    for step in range(1, 7):
        state = schedule.update(state, Feedback(step))
        found.append(schedule.at(state).values["mix"])
    assert found == [0, 0, 0, 0.5, 1, 1]


def test_a_warm_up_that_fails_is_held_and_said(caplog: pytest.LogCaptureFixture) -> None:
    controller = Controller({"delta_two_stage": {"min_steps": 1, "max_steps": 3}})
    for step in range(1, 6):
        assert controller.advance(seen(step, a=(4, 0))).stage == "dense"
        assert controller.metrics()["schedule_held"] == float(step >= 3)
    assert "warm-up failed: 5 steps of the stage 'dense'" in controller.held
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert controller.advance(seen(6, a=(4, 1))).stage == "binary"  # late, and still right
    assert controller.held == ""
    going = delta_two_stage(min_steps=1, max_steps=3, on_max="go")
    assert stages_of(going, [seen(step, a=(4, 0)) for step in range(1, 5)]) == ["dense", "dense", "binary", "binary"]


def test_enter_and_leave_thresholds_make_hysteresis() -> None:
    schedule = RewardSchedule(
        (
            Stage("dense", {"mix": 0}, until=Coverage(0.5)),
            Stage("binary", {"mix": 1}, back=Not(Coverage(0.25)), min_steps=2, returns=1),
        )
    )
    shares = [1, 2, 1, 1, 0, 2, 0, 0, 0]  # of four prompts, those with a pass
    feedback = [
        Feedback(step, {str(i): (4, int(i < share)) for i in range(4)}) for step, share in enumerate(shares, start=1)
    ]
    # 1/4: not enough to enter; 2/4 enters; 1/4 twice is enough to stay; 0 leaves; 2/4 enters; then no return is left
    assert stages_of(schedule, feedback) == [
        "dense", "binary", "binary", "binary", "dense", "binary", "binary", "binary", "binary",
    ]  # fmt: skip


def test_a_stage_is_not_left_before_it_has_lasted() -> None:
    schedule = RewardSchedule(
        (
            Stage("dense", {"mix": 0}, until=AtStep(1), cool_down=3),
            Stage("binary", {"mix": 1}, back=Rescue(1, steps=1), min_steps=2, returns=9),
        )
    )
    feedback = [seen(step, a=(4, 0)) for step in range(1, 9)]
    # binary lasts two steps at least; after a return the first stage lasts three
    assert stages_of(schedule, feedback) == [
        "binary", "binary", "dense", "dense", "dense", "binary", "binary", "dense",
    ]  # fmt: skip


def test_a_stranded_binary_stage_is_rescued_as_often_as_allowed() -> None:
    schedule = delta_two_stage(min_steps=1, coverage=0.5, rescue_steps=3, rescues=2)
    lucky, none = {"a": (4, 1), "b": (4, 0)}, {"a": (4, 0), "b": (4, 0)}
    feedback = [Feedback(step, lucky if step % 4 == 1 else none) for step in range(1, 17)]
    cycle = ["binary", "binary", "binary", "dense"]
    assert stages_of(schedule, feedback) == cycle * 2 + ["binary"] * 8
    state = schedule.initial()
    for each in feedback:
        state = schedule.update(state, each)
    assert (state.returns, schedule.at(state).version) == ((0, 2), 6)


def test_a_person_may_ask_for_the_next_stage() -> None:
    controller = Controller(
        {"stages": [{"name": "dense", "values": {}, "until": "manual"}, {"name": "binary", "values": {}}]}
    )
    assert controller.advance(Feedback(1)).stage == "dense"
    controller.signal("next")
    assert controller.point.stage == "dense"
    again = Controller(controller.schedule)
    again.load_state_dict(json.loads(json.dumps(controller.state_dict())))
    assert controller.advance(Feedback(2)).stage == again.advance(Feedback(2)).stage == "binary"
    assert Manual("other").fires(Stay(1, (), ("next",))) is False


@pytest.mark.parametrize(
    "stages",
    [
        [],
        [{"name": "a", "values": {}, "until": "coverage"}],
        [{"name": "a", "values": {}}, {"name": "b", "values": {}}],
        [{"name": "a", "values": {}, "until": "coverage"}, {"name": "a", "values": {}}],
        [{"name": "a", "values": {}, "back": "rescue"}],
        [{"name": "a", "values": {}, "max_steps": 3}],
        [{"name": "a", "values": {}, "unti": "coverage"}, {"name": "b", "values": {}}],
        [{"name": "a", "values": {}, "until": "coverage", "min_steps": 9, "max_steps": 3}, {"name": "b", "values": {}}],
        [{"name": "a", "values": {}, "until": "coverage", "on_max": "stop"}, {"name": "b", "values": {}}],
        [{"name": "a"}],
        "ab",
    ],
)
def test_schedules_refuse(stages: Any) -> None:
    with pytest.raises(ConfigError):
        make_schedule({"stages": stages})


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_travel_as_json_and_name_what_rewards_read(name: str) -> None:
    schedule = make_schedule({name: {"steps": 7}} if name.endswith("_mix") else name)
    again = make_schedule(json.loads(json.dumps(schedule.to_dict())))
    assert (again, again.config_hash) == (schedule, schedule.config_hash)
    assert all(set(stage.values) == {"mix"} for stage in schedule.stages)
    assert schedule.at(schedule.initial()).values == {"mix": 0.0}


def test_presets_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ConfigError, match="delta_two_stage"):
        make_schedule({"delta_two_stage": {"cover": 0.1}})
    with pytest.raises(ConfigError, match="cosine_mix"):
        make_schedule("cosine_mix")


# --- Checkpoints -----------------------------------------------------------------------------------------------------

streams = st.lists(
    st.dictionaries(st.sampled_from("abcd"), st.tuples(st.integers(1, 4), st.integers(0, 4)).map(
        lambda pair: (pair[0], min(pair))
    ), max_size=4),
    max_size=30,
)  # fmt: skip
BUSY = {
    "stages": [
        {"name": "dense", "values": {"mix": 0}, "until": {"coverage": {"min_fraction": 0.5, "window": 2}}},
        {"name": "half", "values": {"mix": {"linear": {"start": 0, "end": 1, "steps": 3}}}, "back": {"rescue": {
            "steps": 2}}, "returns": 3, "until": {"success_rate": {"threshold": 0.4, "window": 2}}},
        {"name": "binary", "values": {"mix": 1}, "back": {"not": {"trigger": {"coverage": {"window": 2}}}},
         "min_steps": 2, "returns": 2},
    ]
}  # fmt: skip


@settings(max_examples=100, deadline=None, derandomize=True)
@given(stream=streams, cut=st.integers(0, 30))
def test_a_schedule_goes_on_from_json_as_if_it_had_not_been_stopped(stream: Any, cut: int) -> None:
    schedule = make_schedule(BUSY)
    feedback = [Feedback(step, counts) for step, counts in enumerate(stream, start=1)]
    whole, other = Controller(BUSY), Controller(BUSY)
    for each in feedback[:cut]:
        assert whole.advance(each) == other.advance(each)
    resumed = Controller(BUSY)
    resumed.load_state_dict(json.loads(json.dumps(other.state_dict())))
    assert resumed.state == whole.state
    for each in [*feedback[: cut // 2], *feedback[cut:]]:  # some steps are told again
        resumed.advance(each)
    for each in feedback[cut:]:
        whole.advance(each)
    assert resumed.state_dict() == whole.state_dict()
    assert ScheduleState.from_dict(json.loads(json.dumps(whole.state.to_dict()))) == whole.state
    assert schedule.at(whole.state) == whole.point


def test_equal_versions_are_equal_points() -> None:
    controller = Controller(BUSY)
    rng = random.Random(3)
    known = {controller.point.version: controller.point}
    for step in range(1, 200):
        point = controller.advance(Feedback(step, {key: (4, rng.choice([0, 0, 1, 4])) for key in "abc"}))
        assert known.setdefault(point.version, point) == point
    assert len({point.stage for point in known.values()}) == 3


def test_the_points_of_the_latest_versions_are_kept() -> None:
    controller = Controller(cosine_mix(50), keep=4)
    for step in range(1, 11):
        controller.advance(Feedback(step))
    assert [controller.point_of(version).version for version in (8, 9, 10, 11)] == [8, 9, 10, 11]
    for version in (7, 12, 0):
        with pytest.raises(StaleVersionError, match="8 to 11"):
            controller.point_of(version)


def test_the_state_of_another_schedule_is_refused_unless_forced() -> None:
    before = Controller({"fixed_two_stage": {"steps": 2}})
    for step in (1, 2, 3):
        before.advance(Feedback(step))
    saved = json.loads(json.dumps(before.state_dict()))
    other = Controller({"stages": [
        {"name": "dense", "values": {"mix": 0}, "until": {"at_step": {"steps": 9}}},
        {"name": "almost", "values": {"mix": 0.9}},
    ]})  # fmt: skip
    with pytest.raises(ConfigError, match="another schedule"):
        other.load_state_dict(saved)
    assert other.point.version == 1
    other.load_state_dict(saved, force=True)
    assert other.point == SchedulePoint(3, "almost", {"mix": 0.9})  # version 2 names what the old one meant by it
    assert other.point_of(2) == SchedulePoint(2, "binary", {"mix": 1.0})
    with pytest.raises(ConfigError, match="other stages"):
        Controller(cosine_mix(5)).load_state_dict(saved, force=True)
    with pytest.raises(ConfigError, match="schema 1"):
        other.load_state_dict({**saved, "schema": 2})
    with pytest.raises(ConfigError):
        before.load_state_dict({**saved, "state": {**saved["state"], "recent": 3}})
