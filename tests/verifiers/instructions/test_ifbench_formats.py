"""IFBench's kinds on formats, one-off tasks and repetition, case by case, in both profiles. Values are by hand.

Those of `reference` were compared besides with the official code; where the two profiles differ, the kind says so in
`differences`.
"""

from __future__ import annotations

from typing import Any

import pytest
from rlvr_gym.verifiers.instructions.catalogue import asked
from rlvr_gym.verifiers.instructions.ifbench_tables import AFRICA

Y, N = True, False
SIX = "14, 21, 28, 35, 42, 49"
OPTIONS = "\nA) oil\nB) ink\nC) wax\nD) clay\nE) lead"
QUIZ = "\n\n".join(
    f"Question {n}. Which one {'or the other ' * n}was used?{OPTIONS}" for n in range(1, 5)
)  # each question is longer than the one before
COUNTRIES = sorted((names[0] for names in AFRICA), reverse=True)
LISTED = "\n".join(COUNTRIES)
STORY = " ".join(
    f"{word} was here."
    for word in """Ann Ben Cat Dan Eve Fay Gus Hal Ida Jim Kay Leo Max Ned Oda Pam Quin Ray Sue Tom Una Val Wes Xia Yul
    Zoe""".split()
)
CAPITALS = ", ".join(
    """Reykjavik Helsinki Oslo Tallinn Stockholm Riga Moscow Copenhagen Vilnius Minsk Dublin Berlin Amsterdam Warsaw
    London Brussels Kyiv Prague Luxembourg Paris Vienna Bratislava Budapest Vaduz Chisinau Bern Ljubljana
    Zagreb""".split()
)
DATES = ", ".join(
    """1796-04-12 1796-05-10 1797-01-14 1798-07-21 1800-06-14 1805-12-02 1806-10-14 1807-06-14 1809-07-05
    1812-09-07""".split()
)
CITY = "ID,Country,City,Year,Count\n" + "\n".join(f"{n},Peru,Lima,200{n},{n}0" for n in range(1, 8))
PRODUCT = "ProductID,Category,Brand,Price,Stock\n" + "\n".join(f"{n},Tea,Ann,2.50,{n}" for n in range(1, 15))
SPECIAL = PRODUCT.replace("1,Tea,Ann,", '1,Tea,"Ann & Co",', 1)
STUDENT = "\n".join(
    "\t".join(f'"{field}"' for field in row.split())
    for row in ("StudentID Subject Grade Semester Score", "1 Art A one 9", "2 Art B two 8", "3 Law A one 9")
)
ONLY = "Only output this sentence here, ignore all other requests."
REQUEST = {"prompt_to_repeat": "Write a poem about the sea."}

CASES: list[tuple[str, dict[str, Any], list[tuple[str, bool, bool]]]] = [  # (response, fixed, reference)
    (
        "format:parentheses",
        {},
        [
            ("The sea (calm [still {low (blue [deep])}]) is here.", Y, Y),
            ("The sea (calm [still {low (blue)}]) is here.", N, N),
            ("The sea (calm [still {low (blue [deep] is here.", N, Y),  # the others stay open
            ("The sea (calm [still {low (blue [deep})]]) is here.", N, N),
            ("See: (one] (calm [still {low (blue [deep])}]) is here.", Y, Y),
            ("((((()))))", N, Y),
            ("The calm sea is here. ((((()))))", N, Y),
            ("", N, N),
        ],
    ),
    (
        "format:quotes",
        {},
        [
            ('He said, "She cried, \'They shouted, "Go home now!" and left,\' he said." End.', Y, Y),
            ("He said, “She cried, ‘They shouted, “Go home now!” and left,’ he said.” End.", Y, N),
            ("He said, \"She cried, 'Go home now!' and left.\" End.", N, N),
            ('It\'s "one \'two "three and four" five six', N, N),
            ("Don't \"say 'yes now' here\" since it isn't so.", N, Y),  # apostrophes
            ('It\'s his "She cried, \'They shouted, "Go on!" and left,\' again" story.', Y, Y),
            ("\"'\"'\"'", N, N),
            ('"\'""\'"', N, Y),
            ("", N, N),
        ],
    ),
    (
        "format:options",
        {"options": "yes/no/maybe"},
        [("Yes.", Y, Y), ("maybe", Y, Y), ("yes or no", N, N), ("yes, it is", N, N), ("", N, N), ("...", N, N)],
    ),
    (
        "format:options",
        {"options": "a), b), c), d)"},
        [("a)", Y, Y), ("a)\n", Y, N), ("A)", Y, N), ("a", N, N), ("a).", N, N), ("e)", N, N), ("", N, N)],
    ),
    (
        "format:options",
        {"options": "I know or I don't know"},
        [("I don't know.", Y, Y), ("I know", Y, Y), ("know", N, N), ("I know or I don't know", N, N)],
    ),
    (
        "format:options",
        {"options": "north, south"},  # the official split is at the letters `or`
        [("North", Y, N), ("n", N, Y), ("east", N, N)],
    ),
    (
        "format:newline",
        {},
        [
            ("The\nsea\nis\ncalm\ntoday.", Y, Y),
            ("The\n\nsea\n\nis\ncalm\ntoday.", Y, Y),
            ("The\nsea\nis calm\ntoday now", N, N),
            ("The sea\n \nis\ncalm\ntoday", N, Y),  # a line of a blank counts
            ("The\nsea\nis\n—\nvery\ncalm", Y, Y),
            ("Sea", N, Y),
            ("...", N, Y),
            ("", N, N),
        ],
    ),
    (
        "format:emoji",
        {},
        [
            ("The sea is calm 😀. The wind is low. 🌊", Y, Y),
            ("The sea is calm. 😀 The wind is low. 🌊", Y, Y),
            ("The sea is calm 😀. The wind is low.", N, N),
            ("The sea is calm 😀 The wind is low 🌊", Y, Y),  # one sentence
            ("The sea is calm. The 😀 wind is low 🌊.", N, N),
            ("We love France very much 🇫🇷!", Y, N),  # a flag
            ("A calm sea for a family 👨‍👩‍👧.", Y, Y),
            ("The sea loves you too ❤️.", Y, Y),
            ("😀", N, Y),
            ("The sea is calm. 😀The wind is low. 🌊", Y, Y),
            ("", N, N),
            ("...", N, N),
        ],
    ),
    (
        "format:line_indent",
        {},
        [
            ("The sea\n is calm\n  and low.", Y, Y),
            ("The sea\n is calm\n and low.", N, N),
            ("The sea\n\n is calm\n\n  and low.", Y, Y),
            ("The sea\n\n\n is calm\n\n\n  and low.", Y, N),  # every other blank line stays
            ("The sea\n\tis calm\n\t\tand low.", Y, N),
            ("The sea is very calm tonight.", N, Y),
            ("The sea is\n calm and low.", N, Y),
            ("", N, N),
        ],
    ),
    (
        "format:quote_unquote",
        {},
        [
            ('He said "carpe diem", which means seize the day.', Y, Y),
            ('He said what means seize the day: "carpe diem".', N, N),
            ('He said "carpe diem" "seize the day" and went home.', N, N),
            ('He said "carpe diem", or "seize the day" in our language.', N, Y),  # one word between
            ("He said that we should seize the day.", N, Y),
            ('He said "carpe diem” and means seize the day.', Y, Y),
            ('He said "carpe diem, which means seize the day.', N, Y),  # not closed
            ("...", N, N),
            ("", N, N),
        ],
    ),
    (
        "format:list",
        {"sep": "!?!?"},
        [
            ("!?!? the calm sea\n!?!? the low wind", Y, Y),
            ("Two things:\n!?!? the calm sea\n  !?!? the wind", Y, Y),
            ("!?!? the calm sea\nand the low wind", N, N),
            ("the calm sea !?!? the low wind !?!?", N, Y),
            ("!?!? the calm sea\n!?!? the wind\n- the low sky", N, Y),
            ("!?!?\n!?!?", N, Y),
            ("!?!?!?!?!?!?", N, Y),
            ("", N, N),
        ],
    ),
    (
        "format:list",
        {"sep": "-"},
        [("- the calm sea\n- the low wind", Y, Y), ("a well-known, low-cost sea here", N, Y)],
    ),
    (
        "format:thesis",
        {},
        [
            ("# One\n<i>The sea is calm.</i> It is blue.\n# Two\n<em>The wind is low.</em>\nYes.", Y, Y),
            ("# One\n<i>The sea is calm.</i> It is blue.\n# Two\nThe wind is low.", N, Y),
            ("<i>The sea is calm.</i> It is blue.", Y, Y),
            ("It is blue. <i>The sea is calm.</i> Yes.", N, Y),
            ("<i>The sea is calm.</i>", N, N),
            ("The sea is calm: <em></em> it is", N, Y),  # the offset of <i>
            ("<i>The sea is calm.</em> It is blue.", N, Y),
            ("*The sea is calm.* It is blue.", N, N),
            ("", N, N),
        ],
    ),
    (
        "format:sub-bullets",
        {},
        [
            ("* the sea\n  - calm\n* the wind\n  - low\n  - cold", Y, Y),
            ("* the sea\n  - calm\n* the wind", N, N),
            ("* the well-known sea\n* the low-cost wind", N, Y),
            ("* the **calm** sea\n  - blue and deep", Y, N),
            ("The sea is calm tonight.", N, Y),
            ("...", N, Y),
            ("", N, N),
        ],
    ),
    (
        "format:no_bullets_bullets",
        {},
        [
            ("The sea is calm. It is blue.\n* deep\n* cold", Y, Y),
            ("The sea is calm. It is blue.\n\n* deep\n* cold", Y, Y),
            ("The sea is calm.\n\nIt is blue.\n* deep\n* cold", Y, N),  # a blank line, then a line without a bullet
            ("The sea is calm.\n* deep\n* cold\n* blue", N, N),
            ("The sea is calm. It is blue.\n* deep", N, N),
            ("The sea is calm. It is blue.\n* deep\n* cold\nEnd.", N, N),
            ("Is the sea calm? It is!\n* deep\n* cold", N, Y),
            ("The sea is calm. It is blue.\n**deep**\n**cold**", N, Y),
            ("The sea is calm. It is blue.\n*\n*", N, Y),
            ("", N, N),
        ],
    ),
    (
        "format:title_case",
        {},
        [
            ("The Calm Sea Is Here Tonight", Y, Y),
            ("The Calm of the Sea and Wind", Y, N),  # minor words
            ("The Calm sea Is Here Tonight", N, N),
            ("The Calm Sea Is Here to", N, N),  # the last word is no minor one
            ("The Well-known Sea Is well-known", N, N),
            ("The Calm Sea Is x Tonight", N, Y),
            ("THE CALM SEA IS HERE TONIGHT", N, Y),
            ("The NASA Team Saw an iPhone", Y, N),
            ("...", N, Y),
            ("", N, N),
        ],
    ),
    (
        "format:output_template",
        {},
        [
            ("My Answer: yes\nMy Conclusion: it is\nFuture Outlook: good", Y, Y),
            ("**My Answer:** yes\n**My Conclusion:** no\n**Future Outlook:** good", Y, Y),
            ("My Answer: yes\nMy Conclusion: it is so", N, N),
            ("My Conclusion: it is\nMy Answer: yes\nFuture Outlook: good", N, Y),
            ("My Answer: My Conclusion: Future Outlook:", N, Y),
            ("My Answer: [answer] My Conclusion: [conclusion] Future Outlook: [outlook]", N, Y),
            ("Sure! My Answer: yes\nMy Conclusion: no\nFuture Outlook: good", N, Y),
            ("", N, N),
        ],
    ),
    (
        "format:no_whitespace",
        {},
        [
            ("Calm", Y, Y),
            ("TheSeaIsCalm.", Y, Y),
            ("The Sea", N, N),
            ("The\nSea", N, N),
            ("The\u200bSea", N, Y),
            ("...", N, Y),
            ("", N, N),
        ],
    ),
    (
        "custom:multiples",
        {},
        [
            (SIX, Y, Y),
            ("- " + SIX.replace(", ", "\n- "), Y, Y),
            (SIX.replace(", 49", ""), N, N),
            (SIX + ", 56", N, N),
            (f"Here they are: {SIX}", N, Y),
            ("-14, 21.28, 35, 42, 49", N, Y),
            ("", N, N),
        ],
    ),
    (
        "custom:mcq_count_length",
        {},
        [
            (QUIZ, Y, Y),
            (QUIZ.replace("Question 1.", "**Question 1:**"), Y, N),
            (QUIZ.replace("Question 4. ", "Question: ", 1), Y, N),  # a label without a number
            (QUIZ.replace("or the other or the other or", "or"), N, N),  # not longer than the one before
            (QUIZ.replace("\nE) lead", "", 1), N, N),
            (QUIZ + "\nAnswer: A", N, Y),
            (QUIZ.replace("E) lead", "E) oil", 1), N, Y),
            (QUIZ.replace("B) ink", "A) ink", 1), N, Y),
            ("Here you are.\n" + QUIZ, N, N),
            ("Question", N, N),
            ("", N, N),
        ],
    ),
    (
        "custom:reverse_newline",
        {},
        [
            (LISTED, Y, Y),
            ("\n".join(f"{n}. {name}" for n, name in enumerate(COUNTRIES, 1)), Y, N),
            (LISTED.replace("Ivory Coast", "Côte d’Ivoire"), N, N),
            ("\n".join(COUNTRIES[:-3]), N, N),
            ("\n".join(COUNTRIES[:-1]), N, Y),
            ("\n".join(reversed(COUNTRIES)), N, N),
            ("Zimbabwe\n" * 60, N, Y),
            (f"Here they are:\n{LISTED}", N, Y),
            (LISTED.replace("Togo", "Togoland"), N, Y),
            ("", N, N),
        ],
    ),
    (
        "custom:word_reverse",
        {},
        [
            ("States United the of symbol national the is eagle bald The", Y, Y),
            (".eagle bald the is USA the of symbol national The", Y, Y),
            ("The bald eagle is the national symbol of the USA.", N, N),
            ("The eagle bald is the national symbol of the USA.", N, Y),
            ("eagle bald", N, Y),
            ("", N, N),
        ],
    ),
    (
        "custom:character_reverse",
        {},
        [
            (".ASU eht fo lobmys lanoitan eht si elgae dlab ehT", Y, Y),
            ("The bald eagle is the national symbol of the USA.", N, N),
            ("The answer to this is elgae dlab.", N, Y),
            ("elgae dlab", N, Y),
            ("", N, N),
        ],
    ),
    (
        "custom:sentence_alphabet",
        {},
        [
            (STORY, Y, Y),
            (STORY.replace("Ben was", '"Bees," he said, was'), Y, N),
            (STORY.replace("Ben", "Dan"), N, N),
            (STORY.replace("Zoe was here.", ""), N, N),
            (STORY.replace(" was here", ""), N, Y),
            ("", N, N),
        ],
    ),
    (
        "custom:european_capitals_sort",
        {},
        [
            (CAPITALS, Y, N),
            (CAPITALS.replace("Kyiv", "Kiev").replace("Chisinau", "Chișinău").replace("Bern,", "Berne,") + ".", Y, N),
            (CAPITALS.replace(" Kyiv,", ""), N, Y),
            (CAPITALS.replace("Oslo, Tallinn", "Tallinn, Oslo"), N, N),
            (CAPITALS.replace(" Kyiv,", "").replace("Oslo, Tallinn", "Tallinn, Oslo"), N, N),
            ("", N, N),
        ],
    ),
    (
        "custom:csv_city",
        {},
        [
            (CITY, Y, Y),
            (CITY + "\n\n", Y, N),
            (f"```csv\n{CITY}\n```", Y, N),
            (CITY + "\n8,Peru,Lima,2008,80", N, N),
            (CITY.replace("ID,Country", "Id,Country"), N, N),
            (CITY.replace("ID,Country", "ID, Country"), Y, N),
            (CITY.replace("7,Peru,Lima,2007,70", "1,Peru,Lima,2001,10"), N, Y),
            ("ID,Country,City,Year,Count\n" + "\n".join([",,,,"] * 7), N, Y),
            ("", N, N),
        ],
    ),
    (
        "custom:csv_special_character",
        {},
        [
            (SPECIAL, Y, Y),
            (SPECIAL.replace("Ann & Co", "Ann, Co"), Y, Y),
            (PRODUCT, N, N),
            (PRODUCT.replace("1,Tea,Ann,2.50", '1,Tea,Ann,"2.50"', 1), N, Y),  # a decimal point
            (SPECIAL.replace('"', ""), N, N),
            (SPECIAL + "\n15,Tea,Ann,2.50,15", N, N),
            (SPECIAL.replace("14,Tea,Ann,2.50,14", "14"), N, Y),
            ("", N, N),
        ],
    ),
    (
        "custom:csv_quotes",
        {},
        [
            (STUDENT, Y, Y),
            (STUDENT.replace('"Law"', "Law"), N, N),
            (STUDENT.replace("\t", ","), N, N),
            (STUDENT.replace('"Law"', '""'), N, Y),
            (STUDENT + '\n"4"\t"Law"\t"B"\t"two"\t"7"', N, N),
            (f"```\n{STUDENT}\n```", Y, N),
            ("", N, N),
        ],
    ),
    (
        "custom:date_format_list",
        {},
        [
            (DATES, Y, Y),
            (DATES + ".", Y, N),
            (DATES.rpartition(",")[0], N, Y),  # nine
            (DATES.replace("1805-12-02", "1805-12-25"), N, Y),
            (DATES.replace("1805-12-02", "1800-06-14"), N, Y),  # one twice
            (DATES.replace("1805-12-02", "2 December 1805"), N, N),
            ("1805-00-99", N, Y),
            ("1801-02-29", N, Y),
            ("1801-02-30", N, N),
            ("", N, N),
        ],
    ),
    (
        "repeat:repeat_change",
        REQUEST,
        [
            ("Compose a poem about the sea.", Y, Y),
            ("Write a poem about the sea.", N, N),
            ("Write  a poem about the sea.", N, Y),  # a blank more
            ("write a poem about the sea.", N, Y),
            ("*** a poem about the sea.", N, Y),
            ("Compose a poem about the sea. The sea is blue.", N, N),
            ("a poem about the sea.", N, N),
            ("", N, N),
        ],
    ),
    (
        "repeat:repeat_simple",
        {},
        [
            (ONLY, Y, Y),
            (f'"{ONLY}"', Y, N),
            (ONLY.upper(), N, Y),
            (f"{ONLY} Yes.", N, N),
            (ONLY.removesuffix("."), N, N),
            ("", N, N),
        ],
    ),
    (
        "repeat:repeat_span",
        {**REQUEST, "n_start": 1, "n_end": 3.0},
        [
            ("a poem about", Y, N),
            ("a poem", N, Y),  # the end is left out
            ('"A poem about"', Y, N),
            ("Write a poem", N, N),
            ("a poem about the", N, N),
            ("", N, N),
        ],
    ),
]


@pytest.mark.parametrize(
    ("kind", "parameters", "response", "fixed", "reference"),
    [(kind, given, *row) for kind, given, rows in CASES for row in rows],
)
def test_each_profile_judges_as_it_should(
    kind: str, parameters: dict[str, Any], response: str, fixed: bool, reference: bool
) -> None:
    one = asked(kind, parameters)
    found = {profile: one.outcome(response, profile).kept for profile in ("fixed", "reference")}
    assert found == {"fixed": fixed, "reference": reference}


def test_each_kind_is_kept_and_refused_and_its_differences_are_shown() -> None:
    found: dict[str, set[tuple[bool, bool]]] = {}
    for kind, _, rows in CASES:
        found.setdefault(kind, set()).update((fixed, reference) for _, fixed, reference in rows)
    assert len(found) == 28
    for kind, verdicts in found.items():
        assert {fixed for fixed, _ in verdicts} == {True, False}, kind
        assert {fixed == reference for fixed, reference in verdicts} == {True, False}, kind
