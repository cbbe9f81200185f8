"""Small tables of facts that the kinds of IFBench look things up in."""

from __future__ import annotations

# The names that the instruction itself lists.
NAMES = tuple(
    """Emma Liam Sophia Jackson Olivia Noah Ava Lucas Isabella Mason Mia Ethan Charlotte Alexander Amelia Benjamin
    Harper Leo Zoe Daniel Chloe Samuel Lily Matthew Grace Owen Abigail Gabriel Ella Jacob Scarlett Nathan Victoria
    Elijah Layla Nicholas Audrey David Hannah Christopher Penelope Thomas Nora Andrew Aria Joseph Claire Ryan Stella
    Jonathan""".split()
)

CONJUNCTIONS = frozenset("and but for nor or so yet".split())

PERSONAL_PRONOUNS = frozenset(
    """i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers
    herself it its itself they them their theirs themselves""".split()
)
PRONOUNS = PERSONAL_PRONOUNS | frozenset(
    """this that these those who whom whose which what whoever whomever whatever whichever anybody anyone anything
    everybody everyone everything nobody nothing somebody someone something each either neither both all some any none
    themself oneself one""".split()
)

# What counts as a stop word is this list and nothing else: the common English one of 179 entries, with the pieces that
# contractions fall into.
STOP_WORDS = frozenset(
    """i me my myself we our ours ourselves you you're you've you'll you'd your yours yourself yourselves he him his
    himself she she's her hers herself it it's its itself they them their theirs themselves what which who whom this
    that that'll these those am is are was were be been being have has had having do does did doing a an the and but if
    or because as until while of at by for with about against between into through during before after above below to
    from up down in out on off over under again further then once here there when where why how all any both each few
    more most other some such no nor not only own same so than too very s t can will just don don't should should've now
    d ll m o re ve y ain aren aren't couldn couldn't didn didn't doesn doesn't hadn hadn't hasn hasn't haven haven't isn
    isn't ma mightn mightn't mustn mustn't needn needn't shan shan't shouldn shouldn't wasn wasn't weren weren't won
    won't wouldn wouldn't""".split()
)

# Words that a title in title case may leave in lower case.
MINOR_WORDS = frozenset(
    """a an the and but or nor for so yet as at by in of off on per to up via with from into onto over than vs if
    about after before down near once past upon that when""".split()
)

PALINDROMES = frozenset(
    """aibohphobia alula anana anona aviva civic debbed degged deified deled deleveled denned detartrated devoved dewed
    evitative finif glenelg hagigah halalah hallah hannah kaiak kayak kazak kinnikinnik lemel level madam malayalam
    marram minim murdrum navan peeweep pullup putup racecar radar redder redivider refer reifier releveler repaper rever
    reviver revver rotator rotavator rotor sagas sedes seesees seities selles sememes semes seres serres sexes shahs
    siris solos stats stets succus sulus susus tacocat tattarrattat tebbet tenet terret tirrit torot xanax""".split()
)

# The 54 countries of Africa, each with the other names that it is listed under.
AFRICA = tuple(
    tuple(names.strip().split("|"))
    for names in """Algeria;Angola;Benin;Botswana;Burkina Faso;Burundi;Cabo Verde|Cape Verde;Cameroon
    Central African Republic;Chad;Comoros
    Democratic Republic of the Congo|Democratic Republic of Congo|Congo Democratic Republic of the|DR Congo|DRC
    Republic of the Congo|Congo|Congo Republic of the|Congo Brazzaville|Republic of Congo|Congo Republic
    Djibouti;Egypt;Equatorial Guinea;Eritrea;Eswatini|Swaziland|Eswatini formerly Swaziland;Ethiopia;Gabon
    Gambia|The Gambia|Gambia The;Ghana;Guinea;Guinea Bissau;Ivory Coast|Cote d Ivoire|Cote dIvoire;Kenya;Lesotho;Liberia
    Libya;Madagascar;Malawi;Mali;Mauritania;Mauritius;Morocco;Mozambique;Namibia;Niger;Nigeria;Rwanda
    Sao Tome and Principe|Sao Tome Principe;Senegal;Seychelles;Sierra Leone;Somalia;South Africa;South Sudan;Sudan
    Tanzania;Togo;Tunisia;Uganda;Zambia;Zimbabwe""".replace("\n", ";").split(";")
)

# Capitals of European countries north of 45 degrees, from north to south.
CAPITALS = (
    ("reykjavik",), ("helsinki",), ("oslo",), ("tallinn",), ("stockholm",), ("riga",), ("moscow",), ("copenhagen",),
    ("vilnius",), ("minsk",), ("dublin",), ("berlin",), ("amsterdam",), ("warsaw",), ("london",), ("brussels",),
    ("kyiv", "kiev"), ("prague",), ("luxembourg", "luxembourg city"), ("paris",), ("vienna",), ("bratislava",),
    ("budapest",), ("vaduz",), ("chisinau", "kishinev"), ("bern", "berne"), ("ljubljana",), ("zagreb",),
)  # fmt: skip

# Days on which battles of Napoleon began, as histories give them; some give neighbouring days, which are here too.
BATTLES = frozenset(
    """1793-08-29 1793-09-18 1793-12-16 1793-12-18 1795-10-05 1796-04-11 1796-04-12 1796-04-13 1796-04-14 1796-04-19
    1796-04-20 1796-04-21 1796-05-07 1796-05-08 1796-05-10 1796-05-30 1796-06-04 1796-07-04 1796-08-03 1796-08-05
    1796-09-04 1796-09-08 1796-09-15 1796-11-06 1796-11-12 1796-11-15 1797-01-14 1797-01-16 1797-03-16 1798-06-10
    1798-07-02 1798-07-13 1798-07-21 1798-10-21 1799-02-08 1799-03-03 1799-03-07 1799-03-18 1799-03-20 1799-04-16
    1799-07-25 1800-05-14 1800-06-09 1800-06-14 1805-10-08 1805-10-14 1805-10-15 1805-10-16 1805-11-16 1805-12-02
    1806-10-10 1806-10-14 1806-12-26 1807-02-03 1807-02-07 1807-02-08 1807-06-10 1807-06-14 1808-11-23 1808-11-30
    1808-12-01 1809-04-19 1809-04-20 1809-04-21 1809-04-22 1809-04-23 1809-05-03 1809-05-20 1809-05-21 1809-07-05
    1809-07-10 1812-07-23 1812-07-25 1812-07-26 1812-08-16 1812-08-17 1812-09-05 1812-09-07 1812-10-18 1812-10-24
    1812-11-15 1812-11-26 1813-05-02 1813-05-20 1813-08-21 1813-08-26 1813-10-14 1813-10-16 1813-10-30 1814-01-29
    1814-02-01 1814-02-10 1814-02-11 1814-02-12 1814-02-14 1814-02-17 1814-02-18 1814-03-07 1814-03-09 1814-03-13
    1814-03-20 1814-03-25 1814-03-26 1815-06-15 1815-06-16 1815-06-18""".split()
)

# Characters that are an emoji by themselves (Unicode's property Emoji without digits, # and *; no single letter of a
# flag), as first and last code points.
_EMOJI_RANGES = """A9 AE 203C 2049 2122 2139 2194-2199 21A9-21AA 231A-231B 2328 23CF 23E9-23F3 23F8-23FA 24C2 25AA-25AB
    25B6 25C0 25FB-25FE 2600-2604 260E 2611 2614-2615 2618 261D 2620 2622-2623 2626 262A 262E-262F 2638-263A 2640 2642
    2648-2653 265F-2660 2663 2665-2666 2668 267B 267E-267F 2692-2697 2699 269B-269C 26A0-26A1 26A7 26AA-26AB 26B0-26B1
    26BD-26BE 26C4-26C5 26C8 26CE-26CF 26D1 26D3-26D4 26E9-26EA 26F0-26F5 26F7-26FA 26FD 2702 2705 2708-270D 270F 2712
    2714 2716 271D 2721 2728 2733-2734 2744 2747 274C 274E 2753-2755 2757 2763-2764 2795-2797 27A1 27B0 27BF 2934-2935
    2B05-2B07 2B1B-2B1C 2B50 2B55 3030 303D 3297 3299 1F004 1F0CF 1F170-1F171 1F17E-1F17F 1F18E 1F191-1F19A 1F201-1F202
    1F21A 1F22F 1F232-1F23A 1F250-1F251 1F300-1F321 1F324-1F393 1F396-1F397 1F399-1F39B 1F39E-1F3F0 1F3F3-1F3F5
    1F3F7-1F4FD 1F4FF-1F53D 1F549-1F54E 1F550-1F567 1F56F-1F570 1F573-1F57A 1F587 1F58A-1F58D 1F590 1F595-1F596
    1F5A4-1F5A5 1F5A8 1F5B1-1F5B2 1F5BC 1F5C2-1F5C4 1F5D1-1F5D3 1F5DC-1F5DE 1F5E1 1F5E3 1F5E8 1F5EF 1F5F3 1F5FA-1F64F
    1F680-1F6C5 1F6CB-1F6D2 1F6D5-1F6D9 1F6DC-1F6E5 1F6E9 1F6EB-1F6EC 1F6F0 1F6F3-1F6FC 1F7E0-1F7EB 1F7F0 1F90C-1F93A
    1F93C-1F945 1F947-1F9FF 1FA70-1FA7C 1FA80-1FAC6 1FAC8 1FACC-1FADD 1FADF-1FAEB 1FAEF-1FAFA"""


def _points(ranges: str) -> frozenset[str]:
    pairs = [(item.split("-")[0], item.split("-")[-1]) for item in ranges.split()]
    return frozenset(chr(point) for low, high in pairs for point in range(int(low, 16), int(high, 16) + 1))


EMOJI = _points(_EMOJI_RANGES)
