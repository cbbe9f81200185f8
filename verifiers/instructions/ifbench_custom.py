"""IFBench, one-off tasks: multiples, questions, countries, capitals, dates, reversed sentences, a story from A to Z."""

from __future__ import annotations

import re
import string
import unicodedata
from itertools import pairwise

from rlvr_gym.verifiers.instructions.constraint import Instruction, Outcome, Parameters
from rlvr_gym.verifiers.instructions.ifbench_tables import AFRICA, BATTLES, CAPITALS
from rlvr_gym.verifiers.instructions.ifbench_text import (
    EDGES,
    LEAST_DIFFERENT,
    Content,
    Official,
    bare,
    first_fault,
    official_sentences,
    plain,
)
from rlvr_gym.verifiers.instructions.parameters import Reads, Sentence, compared, exactly
from rlvr_gym.verifiers.instructions.views import has_word, lines, sentences, words

_NUMBERED = re.compile(r"(?:\d{1,3}[.)]|[-*•+])\s++")

# --- multiples ----------------------------------------------------------------------------------------------------

_MULTIPLES = [str(number) for number in range(14, 51, 7)]
_GAPS = re.compile(r"[\s,;]+")
_DIGITS = re.compile(r"\d+")


def _multiples(response: str, _: Parameters) -> Outcome:
    inside = "\n".join(re.sub(r"^[-*•+]\s++", "", line) for line in lines(response))
    found = _GAPS.split(inside.strip(" \n.,"))
    return Outcome(found == _MULTIPLES, f"found {', '.join(found[:10])[:80]}, needed the multiples and nothing else")


def _multiples_official(response: str, _: Parameters) -> bool:
    return _DIGITS.findall(response) == _MULTIPLES


# --- mcq_count_length ---------------------------------------------------------------------------------------------

_QUESTION = re.compile(r"\W*Question\b\s*+\d*+[.):;]*+\**+:?\s*+")
_OPTION = re.compile(r"\W*([A-E])[.):]\**+\s*+(?=\S)")
_QUESTION_OFFICIAL = re.compile(r"Question \d+[.|):;]?\s*+")
_OPTION_OFFICIAL = re.compile(r"[A-Ea-e][.|)]\s*+\w")


def _questions(response: str) -> list[tuple[str, list[str], str]]:
    """Of each question its text, its options, and what comes after them; what comes before is in one without text."""
    found: list[tuple[list[str], list[str], list[str]]] = []
    for line in lines(response):
        heading = _QUESTION.match(line)
        if heading:
            found.append(([line[heading.end() :]], [], []))
        elif not found:
            found.append(([], [], [line]))
        elif _OPTION.match(line) and len(found[-1][1]) < 5 and not found[-1][2]:
            found[-1][1].append(line.strip("* "))
        else:
            found[-1][2 if found[-1][1] else 0].append(line)
    return [(" ".join(asked).strip(), options, " ".join(rest)) for asked, options, rest in found]


def _quiz(response: str, _: Parameters) -> Outcome:
    found = _questions(response)
    if len(found) != 4:
        return exactly(len(found), 4, "questions, with nothing before the first,")
    for place, (asked, options, rest) in enumerate(found, 1):
        labels = "".join(match[1] for option in options if (match := _OPTION.match(option)))
        contents = {option[match.end() :].lower() for option in options if (match := _OPTION.match(option))}
        if not has_word(asked) or labels != "ABCDE" or len(contents) != 5 or has_word(rest):
            return Outcome(False, f"question {place} needs a text and five different options A to E alone")
    lengths = [len(asked) for asked, _options, _rest in found]
    return Outcome(all(a < b for a, b in pairwise(lengths)), f"the questions have {lengths} characters")


def _quiz_official(response: str, _: Parameters) -> bool:
    if not response.startswith("Question"):
        return False
    found = [part.strip() for part in _QUESTION_OFFICIAL.split(response) if part.strip()]
    lengths = []
    for part in found:
        options, asked = 0, ""
        for line in part.split("\n"):
            if _OPTION_OFFICIAL.match(line.strip()):
                options += 1
            elif not options:
                asked += " " + line.strip()
        if options != 5:
            return False
        lengths.append(len(asked.strip()))
    return len(found) == 4 and all(a < b for a, b in pairwise(lengths))


# --- reverse_newline ----------------------------------------------------------------------------------------------


def _key(name: str) -> str:
    """Letters and single blanks, without case, accents and article."""
    letters = "".join(char if char.isalpha() else "" if char in "'’." else " " for char in plain(name))
    return " ".join(letters.split()).removeprefix("the ")


_COUNTRIES = {_key(name): names[0] for names in AFRICA for name in names}
_OPTIONAL = "western sahara"  # which the African Union lists and the United Nations do not


def _countries(response: str, _: Parameters) -> Outcome:
    found = [_key(_NUMBERED.sub("", line, count=1)) for line in lines(response)]
    unknown = [name for name in found if name not in _COUNTRIES and name != _OPTIONAL]
    if unknown:
        return first_fault(unknown, "lines that are no country of Africa")
    named = {_COUNTRIES[name] for name in found if name != _OPTIONAL}
    if len(named) < len(AFRICA) or len(set(found)) < len(found):
        return Outcome(False, f"found {len(named)} countries on {len(found)} lines, needed {len(AFRICA)} once each")
    kept = found == sorted(found, reverse=True)
    return Outcome(kept, f"the countries are {'' if kept else 'not '}in reverse alphabetical order")


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def _countries_official(response: str, _: Parameters) -> bool:
    found = [stripped for line in response.split("\n") if (stripped := line.strip(EDGES))]
    start = next((place for place, line in enumerate(found) if "Zimbabwe" in line), len(found))
    listed = [_ascii(line) for line in found[start:]]
    return len(listed) >= 52 and listed == sorted(listed, reverse=True)


# --- word_reverse and character_reverse ---------------------------------------------------------------------------

_ANSWER = re.compile(r"\b(?:the|a) bald eagle\b")
_VERB = re.compile(r"\b(?:is|serves|represents|symbolizes|symbolises|remains|stands)\b")


def _turned(backwards: str, forwards: str) -> Outcome:
    """Whether a sentence makes sense backwards: it names the animal with its article there, and has a verb."""
    said, unsaid = " ".join(words(plain(backwards))), " ".join(words(plain(forwards)))
    if _ANSWER.search(unsaid):
        return Outcome(False, "the sentence is not reversed")
    if len(set(said.split())) < LEAST_DIFFERENT or not _VERB.search(said):
        return Outcome(False, "read backwards, the response is no sentence")
    kept = _ANSWER.search(said) is not None
    return Outcome(kept, f"read backwards, the response {'names' if kept else 'does not name'} the animal")


def _words_turned(response: str, _: Parameters) -> Outcome:
    return _turned(" ".join(reversed(words(response))), response)


def _words_turned_official(response: str, _: Parameters) -> bool:
    return "bald eagle" in " ".join(reversed(bare(response.lower()).split()))


def _letters_turned(response: str, _: Parameters) -> Outcome:
    return _turned(response[::-1], response)


def _letters_turned_official(response: str, _: Parameters) -> bool:
    return "elgae dlab" in response.lower()


# --- sentence_alphabet --------------------------------------------------------------------------------------------


def _story(response: str, _: Parameters) -> Outcome:
    found = [words(sentence) for sentence in sentences(response)]
    if len(found) != 26:
        return exactly(len(found), 26, "sentences")
    for inside, letter in zip(found, string.ascii_lowercase, strict=True):
        if len(inside) < 2 or plain(inside[0])[:1] != letter:
            return Outcome(False, f"needed a sentence of two words or more that begins with {letter!r}")
    return Outcome(True, "all 26 sentences follow the alphabet")


def _story_official(response: str, _: Parameters) -> bool:
    return [sentence.lower()[:1] for sentence in official_sentences(response)] == list(string.ascii_lowercase)


# --- european_capitals_sort ---------------------------------------------------------------------------------------

_OFFICIAL_CAPITALS = [names[0].title() for names in CAPITALS if names[0] != "kyiv"]


def _capitals(response: str, _: Parameters) -> Outcome:
    found = [_key(name) for name in response.strip(" \n.").split(",")]
    if len(found) != len(CAPITALS):
        return exactly(len(found), len(CAPITALS), "capitals between commas")
    wrong = [name for name, names in zip(found, CAPITALS, strict=True) if name not in names]
    return first_fault(wrong, "capitals out of place")


def _capitals_official(response: str, _: Parameters) -> bool:
    return [stripped for name in _ascii(response).split(",") if (stripped := name.strip())] == _OFFICIAL_CAPITALS


# --- date_format_list ---------------------------------------------------------------------------------------------

_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_LEAST_BATTLES = 10
_DAYS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


def _dates(response: str, _: Parameters) -> Outcome:
    found = [date.strip() for date in response.strip(" \n.").split(",")]
    wrong = [date for date in found if date not in BATTLES]
    if wrong:
        return first_fault(wrong, "entries that are not the day on which a battle of Napoleon began, as YYYY-MM-DD")
    if len(set(found)) < len(found):
        return Outcome(False, f"found {len(found)} dates, of which {len(set(found))} are different")
    return compared(len(found), "at least", _LEAST_BATTLES, "dates of battles")


def _dates_official(response: str, _: Parameters) -> bool:
    found = [_DATE.fullmatch(date.strip()) for date in response.split(",")]
    return all(match is not None and _is_official_day(*map(int, match.groups())) for match in found)


def _is_official_day(year: int, month: int, day: int) -> bool:
    return 1769 <= year <= 1821 and month <= 12 and day <= (_DAYS.get(month, 31) if month else 99)


CUSTOM = (
    Instruction(
        "custom:multiples",
        Reads(),
        Sentence("Count from 10 to 50 and print the multiples of 7 alone."),
        _multiples,
        Official(_multiples_official),
        ("Any text around the numbers passes.", "`-14` and `14.21` are read as the numbers 14 and 14, 21."),
    ),
    Instruction(
        "custom:mcq_count_length",
        Reads(),
        Sentence(
            "Write four multiple choice questions about the history of art in the 20th century, each labelled"
            " `Question` and longer than the one before, each with five options and no explanation."
        ),
        Content(_quiz),
        Official(_quiz_official),
        (
            "The label needs a number.",
            "Options may repeat a letter or a text, and explanations may follow them.",
        ),
    ),
    Instruction(
        "custom:reverse_newline",
        Reads(),
        Sentence("List the countries of Africa in reverse alphabetical order, each on a line of its own."),
        _countries,
        Official(_countries_official),
        (
            "Any 52 lines in reverse order that begin with Zimbabwe pass, and anything may stand before it.",
            "Numbered lines sort by their numbers.",
        ),
    ),
    Instruction(
        "custom:word_reverse",
        Reads(),
        Sentence("Say which animal is the national symbol of the USA, in a sentence with its words in reverse order."),
        _words_turned,
        Official(_words_turned_official),
        ("The words `eagle bald` are enough.",),
    ),
    Instruction(
        "custom:character_reverse",
        Reads(),
        Sentence(
            "Say which animal is the national symbol of the USA, in a sentence with its letters in reverse order."
        ),
        _letters_turned,
        Official(_letters_turned_official),
        ("The letters `elgae dlab` anywhere are enough.",),
    ),
    Instruction(
        "custom:sentence_alphabet",
        Reads(),
        Sentence("Tell a story of 26 sentences whose first letters follow the alphabet."),
        Content(_story),
        Official(_story_official),
        ("Sentences of one word pass.", "A quotation mark at the beginning of a sentence fails."),
    ),
    Instruction(
        "custom:european_capitals_sort",
        Reads(),
        Sentence(
            "List the capitals of the countries of Europe that lie north of 45 degrees, by latitude from the highest,"
            " separated by commas."
        ),
        _capitals,
        Official(_capitals_official),
        (
            "Kyiv is missing, so that a right list fails.",
            "A full stop at the end fails, and so does `Berne`.",
        ),
    ),
    Instruction(
        "custom:date_format_list",
        Reads(),
        Sentence(
            "List the days on which Napoleon's battles began, as YYYY-MM-DD, with commas and nothing else between them."
        ),
        _dates,
        Official(_dates_official),
        (
            "A single date of the years 1769 to 1821 passes, whether a battle began on it or not.",
            "Month 00 and day 00 pass, and so does 29 February of any year.",
        ),
    ),
)
