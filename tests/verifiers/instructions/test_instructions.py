"""`instructions@1`: the guard, loose variants, parts, references, and what it is known to overlook."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rlvr_gym.verifiers import ConfigError, Status, UnknownNameError, make_verifier
from rlvr_gym.verifiers.instructions.catalogue import CATALOGUE, asked, variants
from rlvr_gym.verifiers.instructions.guard import BRIEF, COPIES, REPEATS, degenerate
from rlvr_gym.verifiers.instructions.languages import LANGUAGES, language, likeliest

NO_COMMA = {"id": "punctuation:no_comma", "parameters": {}}
PROMPT = "Write a short text about the sea without any comma in it."


def reference(*instructions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"instructions": list(instructions), **more}


def one(kind: str, **parameters: Any) -> dict[str, Any]:
    return {"id": kind, "parameters": parameters}


@pytest.mark.parametrize(
    ("response", "code"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("<think>The sea is calm.</think>", "empty"),
        ("<think>The sea is calm.", "unclosed_reasoning"),
        ("\x00", "too_short"),
        ("Calm sea", "too_short"),
        ("sea sea sea sea", "repetitive"),
        ("sea calm " * 40, "repetitive"),
        ("the sea is calm " * 10, "repetitive"),
        (PROMPT, "copied"),
        (PROMPT.upper() + "!!!", "copied"),
        ("Write a short text about the sea without", "copied"),
        (PROMPT + " The sea is calm.", "copied"),
        ("The sea is calm.", "all_kept"),
        ("Write about the sea.", "all_kept"),
    ],
)
def test_a_response_must_first_be_one(response: str, code: str) -> None:
    verdict = make_verifier("instructions@1").verify(response, reference(NO_COMMA), context={"prompt": PROMPT})
    assert (verdict.reason.code, verdict.score) == (code, float(code == "all_kept"))
    assert [part.name for part in verdict.parts] == ["punctuation:no_comma"]


def test_the_official_profile_knows_no_guard_but_against_blank_responses() -> None:
    verifier = make_verifier("instructions@1", profile="reference")
    passes = [verifier.verify(text, reference(NO_COMMA)).passed for text in ("", "\n", ".", "sea sea sea sea")]
    assert passes == [False, False, True, True]


def test_min_words_of_the_reference_comes_before_the_default() -> None:
    verifier = make_verifier("instructions@1")
    assert verifier.verify("Calm.", reference(NO_COMMA, min_words=1)).passed
    assert verifier.verify("The sea is calm.", reference(NO_COMMA, min_words=5)).reason.code == "too_short"


def test_kinds_that_ask_for_a_word_or_a_copy_may_have_it() -> None:
    assert degenerate("Yes", 1, None, BRIEF) is None
    sentence = "Only say these eight words and no more"
    assert degenerate(sentence, 3, f"{sentence} please", ()) is not None
    assert degenerate(sentence, 3, f"{sentence} please", COPIES) is None
    assert degenerate(f"{PROMPT} It is wide.", 3, PROMPT, {"combination:repeat_prompt"}) is None
    assert CATALOGUE.keys() >= BRIEF | REPEATS


def test_the_score_is_the_share_kept_and_parts_say_what_was_found() -> None:
    asks = reference(
        NO_COMMA,
        one("length_constraints:number_sentences", num_sentences=4, relation="at least"),
        one("keywords:forbidden_words", forbidden_words=["wind"]),
        one("keywords:existence", keywords=["cold"]),
    )
    verdict = make_verifier("instructions@1").verify("The wind blows. It is cold. We stay.", asks)
    assert (verdict.status, verdict.score) == (Status.FAILED, 0.5)
    assert [part.passed for part in verdict.parts] == [True, False, False, True]
    assert [part.detail for part in verdict.parts] == [
        "found 0 commas, needed none",
        "found 3 sentences, needed at least 4",
        "found 'wind', which is forbidden",
        "found all 1 keywords",
    ]


@pytest.mark.parametrize(
    ("response", "score"),
    [
        ("I do not know.", 0.0),
        ("I am not able to tell.", 0.0),  # keeps to what forbids and to nothing else
        ("All is cold.", 2 / 3),
        ("It is cold, I do not know.", 1 / 3),
        ("It is cold. We stay.", 1.0),
    ],
)
def test_what_an_answer_without_content_keeps_to_earns_nothing(response: str, score: float) -> None:
    asks = reference(
        NO_COMMA,
        one("keywords:existence", keywords=["cold"]),
        one("length_constraints:number_sentences", num_sentences=2, relation="at least"),
    )
    assert make_verifier("instructions@1").verify(response, asks).score == pytest.approx(score)


def test_an_instruction_that_is_asked_twice_has_two_parts() -> None:
    asks = reference(one("keywords:existence", keywords=["sea"]), one("keywords:existence", keywords=["sky"]))
    verdict = make_verifier("instructions@1").verify("The sea is calm.", asks)
    assert [(part.name, part.passed) for part in verdict.parts] == [
        ("keywords:existence", True),
        ("keywords:existence", False),
    ]


def test_the_eight_variants_of_loose() -> None:
    assert variants("a\n*b*\nc") == ["a\n*b*\nc", "*b*\nc", "a\n*b*", "*b*", "a\nb\nc", "b\nc", "a\nb", "b"]
    assert variants("one line") == ["one line", ""]


def test_loose_keeps_what_strict_does_not() -> None:
    asks = reference(one("startend:end_checker", end_phrase="So it is."), NO_COMMA)
    response = "Sure, here it comes:\nThe sea is calm. So it is.\nHope this helps."
    verdicts = [make_verifier("instructions@1", loose=loose).verify(response, asks) for loose in (False, True)]
    assert [verdict.score for verdict in verdicts] == [0.0, 1.0]
    assert [verdict.method for verdict in verdicts] == ["fixed", "fixed/loose"]


@pytest.mark.parametrize("settings", [{"profile": "official"}, {"profile": 1}, {"loose": 1}, {"strict": True}])
def test_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        make_verifier("instructions@1", **settings)


def test_an_unknown_kind_offers_near_ones() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'punctuation:no_comma'"):
        asked("punctuation:no_commas", {})


def test_every_kind_is_found_by_its_id() -> None:
    assert all(kind.id == name for name, kind in CATALOGUE.items())
    assert len(CATALOGUE) == 25 + 58


@pytest.mark.parametrize(
    ("response", "instruction", "config", "passed"),
    [
        # any text that keeps to the form
        ("Colourless green ideas sleep furiously.", NO_COMMA, {}, True),
        # a language that the words do not tell
        ("Katze Hund Maus", one("language:response_language", language="de"), {}, False),
        ("guten tag liebe leute", one("change_case:english_lowercase"), {}, True),
        # an abbreviation at the end of a sentence
        (
            "We saw cats etc. They saw us.",
            one("length_constraints:number_sentences", num_sentences=2, relation="at least"),
            {},
            False,
        ),
        ("All cats are grey.", one("keywords:existence", keywords=["cat"]), {}, False),
        (PROMPT.replace("short", "long"), NO_COMMA, {}, True),
        ("Well, then:\nThe sea is calm.", NO_COMMA, {"loose": True}, True),
    ],
)
def test_blind_spots(response: str, instruction: dict[str, Any], config: dict[str, Any], passed: bool) -> None:
    verdict = make_verifier("instructions@1", **config).verify(
        response, reference(instruction), context={"prompt": PROMPT}
    )
    assert verdict.passed is passed


SENTENCES = {
    "de": "Heute scheint die Sonne, und wir gehen mit den Kindern in den Park, weil es dort schön ist.",
    "en": "Today the sun is shining and we go to the park with the children because it is nice there.",
    "es": "Hoy hace sol y vamos al parque con los niños porque allí hay una nueva zona de juegos.",
    "fi": "Tänään paistaa aurinko ja menemme lasten kanssa puistoon, koska siellä on uusi leikkipaikka.",
    "fr": "Il fait beau et nous allons au parc avec les enfants parce qu'il y a une nouvelle aire de jeux.",
    "it": "Oggi c'è il sole e andiamo al parco con i bambini perché lì c'è una nuova area giochi.",
    "pl": "Dziś świeci słońce i idziemy z dziećmi do parku, ponieważ jest tam nowy plac zabaw.",
    "pt": "Hoje faz sol e vamos ao parque com as crianças porque lá há uma nova área de jogos.",
    "sw": "Leo jua linawaka na tunakwenda bustani na watoto kwa sababu kuna uwanja mpya wa michezo.",
    "vi": "Hôm nay trời nắng và chúng tôi đi công viên với các cháu vì ở đó có một sân chơi mới.",
    "bg": "Днес грее слънце и отиваме с децата в парка, защото там има нова площадка за игра.",
    "ru": "Сегодня светит солнце, и мы идём с детьми в парк, потому что там новая площадка.",
    "uk": "Сьогодні світить сонце, і ми йдемо з дітьми до парку, тому що там новий майданчик.",
    "ar": "اليوم الشمس مشرقة ونحن ذاهبون إلى الحديقة مع الأطفال لأن هناك ملعبا جديدا في المكان.",
    "fa": "امروز هوا آفتابی است و ما با بچه ها به پارک می رویم چون آنجا یک زمین بازی جدید دارد.",
    "ur": "آج دھوپ نکلی ہے اور ہم بچوں کے ساتھ پارک جا رہے ہیں کیونکہ وہاں کھیل کا نیا میدان ہے۔",
    "hi": "आज धूप निकली है और हम बच्चों के साथ पार्क जा रहे हैं क्योंकि वहाँ खेल का नया मैदान है।",
    "mr": "आज ऊन आहे आणि आम्ही मुलांसोबत उद्यानात जात आहोत कारण तिथे खेळाचे नवीन मैदान आहे.",
    "ne": "आज घाम लागेको छ र हामी बच्चाहरूसँग पार्क जाँदैछौं किनभने त्यहाँ नयाँ खेल मैदान छ।",
    "bn": "আজ রোদ উঠেছে এবং আমরা বাচ্চাদের নিয়ে পার্কে যাচ্ছি।",
    "gu": "આજે તડકો છે અને અમે બગીચામાં જઈએ છીએ.",
    "pa": "ਅੱਜ ਧੁੱਪ ਹੈ ਅਤੇ ਅਸੀਂ ਪਾਰਕ ਜਾ ਰਹੇ ਹਾਂ।",
    "kn": "ಇಂದು ಬಿಸಿಲು ಇದೆ",
    "ml": "ഇന്ന് വെയിലാണ്",
    "ta": "இன்று வெயில் அடிக்கிறது",
    "te": "ఈరోజు ఎండగా ఉంది",
    "th": "วันนี้แดดออกและเราไปสวนสาธารณะกับเด็กๆ",
    "he": "היום השמש זורחת ואנחנו הולכים לפארק עם הילדים.",
    "ja": "今日は晴れているので、子供たちと公園に行きます。",
    "ko": "오늘은 해가 나서 아이들과 공원에 갑니다.",
    "zh": "今天天气晴朗，我们和孩子们去公园。",
}


def test_a_sentence_in_each_language_of_ifeval_is_told() -> None:
    assert {code: language(text) for code, text in SENTENCES.items()} == {code: code for code in SENTENCES}
    assert SENTENCES.keys() <= set(LANGUAGES)
    assert {code: language(SENTENCES[code].upper().lower()) for code in ("en", "de", "ru")} == {
        "en": "en",
        "de": "de",
        "ru": "ru",
    }


@pytest.mark.parametrize("text", ["", "123 !?", "Tokyo", "xyzzy plugh", "\ud800"])
def test_what_does_not_tell_is_unsure(text: str) -> None:
    assert language(text) is None
    assert likeliest("...") is None


def test_labels_of_the_official_grader_on_real_responses(data_dir: Path) -> None:
    rows = [json.loads(line) for line in (data_dir / "ifbench" / "ifbench_labelled.jsonl").read_text().splitlines()]
    for loose in (False, True):
        verifier = make_verifier("instructions@1", profile="reference", loose=loose)
        labels = [(row["loose" if loose else "strict"], _judged(verifier, row)) for row in rows]
        same = [mine == theirs for theirs, found in labels for mine, theirs in zip(found, theirs, strict=True)]
        assert len(same) == 167
        assert sum(same) >= 166  # one depends on a tagger that is downloaded


def _judged(verifier: Any, row: dict[str, Any]) -> list[bool]:
    asks = [{"id": i, "parameters": k} for i, k in zip(row["instruction_id_list"], row["kwargs"], strict=True)]
    return [part.passed for part in verifier.verify(row["response"], reference(*asks)).parts]
