"""Which language a text is in, by its script and its most frequent words; nothing where that does not tell.

No data, no random numbers: the same text gives the same answer everywhere. Short texts are often unsure.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from rlvr_gym.verifiers.instructions.views import words

_SCRIPTS = (  # first and last code point; sorted
    (0x41, 0x24F, "latin"),
    (0x370, 0x3FF, "greek"),
    (0x400, 0x52F, "cyrillic"),
    (0x590, 0x5FF, "hebrew"),
    (0x600, 0x77F, "arabic"),
    (0x900, 0x97F, "devanagari"),
    (0x980, 0x9FF, "bengali"),
    (0xA00, 0xA7F, "gurmukhi"),
    (0xA80, 0xAFF, "gujarati"),
    (0xB80, 0xBFF, "tamil"),
    (0xC00, 0xC7F, "telugu"),
    (0xC80, 0xCFF, "kannada"),
    (0xD00, 0xD7F, "malayalam"),
    (0xE00, 0xE7F, "thai"),
    (0x1E00, 0x1EFF, "latin"),
    (0x3040, 0x30FF, "kana"),
    (0x3400, 0x4DBF, "han"),
    (0x4E00, 0x9FFF, "han"),
    (0xAC00, 0xD7AF, "hangul"),
)
_ASCII_LETTER = re.compile("[A-Za-z]")
_STARTS = [first for first, _, _ in _SCRIPTS]

# Scripts that one of the languages here is written in, and those of several, which their frequent words tell apart.
_ONLY = {
    "greek": "el",
    "hebrew": "he",
    "bengali": "bn",
    "gurmukhi": "pa",
    "gujarati": "gu",
    "tamil": "ta",
    "telugu": "te",
    "kannada": "kn",
    "malayalam": "ml",
    "thai": "th",
    "kana": "ja",
    "han": "zh",
    "hangul": "ko",
}
_FREQUENT = {
    "latin": {
        "en": "a the of and to in is that it for was on are as with be at by this have from or not you but they which "
        "we an his her has will can there their were been if when what your my i all our some more who how do "
        "about into than then out up no so me us just like any don't it's these its also over only other such most",
        "es": "de la que el en y a los se del las un por con no una su para es al lo como más pero sus le ya o este "
        "sí porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos eso mi",
        "pt": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à "
        "seu sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre você são",
        "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec son "
        "nous vous mais ou cette on elle être comme aux leur je tout ses fait c'est d'une l'on y sa très",
        "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus "
        "er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder ich",
        "it": "di e il la che in un a per è una sono con non del si da le dei nel alla i della come lo ma più al ha "
        "anche gli se o ci questo mi delle dal suo hanno molto essere quando sua fra tutti su c'è",
        "nl": "de van een het en in is dat op te zijn met voor niet die aan er om ook als dan bij nog uit maar door "
        "over hij naar heeft ze worden wordt deze tot kan geen ik je we dit was al",
        "sv": "och i att det som en på är av för med den till inte har de ett om var jag från men kan så vi eller när "
        "sig han nu här efter alla sin där ska också mycket",
        "da": "og i at det er en til på af for der de med den som ikke har et om kan var jeg fra men vi eller når sig "
        "han så nu efter alle også blive meget være",
        "fi": "ja on ei se että hän oli mutta ovat kun niin mitä tämä joka ole myös kuin sen olla vain jos voi hyvin "
        "ne he minä olen siitä mukaan sekä tai jotka sitä kanssa jo nyt tässä eivät kaikki paljon",
        "pl": "w i na z się do nie to że jest o jak za po a dla od ale przez jego tym co już tak są oraz być ten "
        "może tylko które która który czy jej ich było bardzo przy ma kiedy lub",
        "cs": "a v se na je že to s z do o i pro za jsou by ale jak co jeho po který podle které nebo jako od jen "
        "však byl už při která tak této aby bylo má",
        "ro": "de și în a la cu pe un o că nu este din să mai o se care pentru sunt ce al dar fost prin după sau lui "
        "ale au când foarte acest această fi am",
        "hu": "a az és hogy nem is egy ez meg van de ha csak már volt vagy mint el még ki fel minden lehet azt nagyon "
        "kell sem ezt amely között pedig",
        "tr": "ve bir bu da de için ile çok olarak daha olan gibi ne kadar sonra ama en var ben o mi her ya ki değil "
        "olduğu veya şey göre bunu onun",
        "id": "yang dan di dengan untuk tidak ini dari dalam akan pada itu ke adalah oleh karena juga saya ada atau "
        "kami mereka bisa sebagai telah dapat lebih kita seperti bahwa",
        "vi": "và là của có không được cho một các những trong với này đã để người khi từ cũng đến như nhiều về ở rất "
        "thì vào lại ra sẽ tôi bạn hơn đó chúng",
        "sw": "ya na wa kwa ni katika za la kuwa cha yake hii au vya kama hiyo hilo watu pia sana lakini huo kutoka "
        "wake hizo moja ambayo yao si mimi wewe sisi yeye baada kila ili hivyo huu",
    },
    "cyrillic": {
        "ru": "и в не на что я с он как это по но они мы все она так его только мне было вы за от для или из у же "
        "бы о при если когда очень также может чтобы есть был к были ещё",
        "uk": "і в не на що я з він як це по але вони ми все вона так його тільки було ви за від для або із у та й "
        "про при якщо коли дуже також може щоб є був до були ще які який",
        "bg": "и в не на че да се за от е са по като с това които но към или при до той тя ще може също много когато "
        "във ако тази този има бъде бил след те ни си го",
    },
    "arabic": {
        "ar": "في من على إلى أن هذا التي الذي ما لا هذه مع عن كان هو هي أو ذلك كل بعد قد لم كما بين عند ثم حيث إن "
        "يمكن أيضا لكن و",
        "fa": "و در به از که این است را با برای آن یک می تا بر هم ما شما خود هر اما یا باید شود شده نیز بود کرد دارد "
        "هستند های کند",
        "ur": "کے میں ہے کی اور سے کا کو ہیں یہ پر نے کہ ایک اس بھی کر جو لیے تھا ہو نہیں وہ ہم آپ تو تھے گیا رہا "
        "ساتھ ان",
    },
    "devanagari": {
        "hi": "है के का की में और को से हैं यह पर एक ने नहीं भी कि हो इस लिए तो जो था कर वह आप हम या तक साथ थे अपने होता करने",
        "mr": "आहे आणि आहेत ते हे या व मध्ये एक ही तो हा नाही होते ला की तर आम्ही तुम्ही मी होता केले असे साठी पण त्या करून आपल्या",
        "ne": "छ र को मा हो छन् लाई यो पनि ले भएको गर्न छैन थियो तर हामी तपाईं हुन्छ गरेको एक भने हुन् यस उनी लागि आफ्नो धेरै तथा वा",
    },
}
_OWN_LETTERS = {  # letters that of the languages of their script one alone uses much; a word with one speaks for it
    "ru": "ыэё",
    "uk": "іїєґ",
    "ur": "ٹڈڑےں",
    "fa": "ژ",
    "vi": "ơưđạảấầẩậắằẵặẹẻẽếềểễệỉịọỏốồổộớờởỡợụủứừửữự",
    "pl": "łńśźżęą",
    "tr": "ğı",
    "ro": "țș",
    "cs": "řěů",
    "hu": "őű",
    "de": "ß",
    "es": "ñ",
    "pt": "ãõ",
}
LANGUAGES = tuple(sorted({*_ONLY.values(), *(code for table in _FREQUENT.values() for code in table)}))


def _told_by(table: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Word to the languages of which it is a frequent one."""
    found: dict[str, tuple[str, ...]] = {}
    for code, listed in table.items():
        for word in dict.fromkeys(listed.split()):
            found[word] = (*found.get(word, ()), code)
    return found


_TOLD = {script: _told_by(table) for script, table in _FREQUENT.items()}

_MAIN_SHARE = 0.6  # of the letters, for the script that a text is said to be in
_LEAST_SHARE = 0.12  # of the words, for the profile that wins
_LEAD = 1.15


class _Guess(NamedTuple):
    code: str | None
    sure: bool


def language(text: str) -> str | None:
    """The two-letter code of the language; None where the text does not tell.

    Example:
        >>> language("The cat is on the table and it is not mine."), language("Le chat est sur la table.")
        ('en', 'fr')
        >>> language("Tokyo 2020"), language("Это было на столе"), language("猫はテーブルの上にいます")
        (None, 'ru', 'ja')
    """
    guess = _guess(text)
    return guess.code if guess.sure else None


def likeliest(text: str) -> str | None:
    """The same, but a guess instead of nothing; None where not one word or letter tells."""
    return _guess(text).code


def main_script(text: str) -> str:
    """The script of most letters, for example `"latin"`; empty where there are no letters."""
    scripts = _scripts(text)
    return max(scripts, key=lambda script: (scripts[script], script)) if scripts else ""


def _guess(text: str) -> _Guess:
    scripts = _scripts(text)
    if not scripts:
        return _Guess(None, False)
    total = sum(scripts.values())
    if scripts["kana"] * 10 >= total and scripts["kana"] + scripts["han"] >= _MAIN_SHARE * total:
        return _Guess("ja", True)
    script = main_script(text)
    sure = scripts[script] >= _MAIN_SHARE * total
    if script in _ONLY:
        return _Guess(_ONLY[script], sure)
    code, clear = _by_words(text, script)
    return _Guess(code, clear and sure)


def _scripts(text: str) -> Counter[str]:
    """Letters by script; of ASCII letters one stands for all."""
    if text.isascii():
        return Counter(latin=1) if _ASCII_LETTER.search(text) else Counter()
    found: Counter[str] = Counter()
    for char, times in Counter(text).items():
        if char.isalpha():
            place = bisect_right(_STARTS, ord(char)) - 1
            known = place >= 0 and ord(char) <= _SCRIPTS[place][1]
            found[_SCRIPTS[place][2] if known else "other"] += times
    return found


def _by_words(text: str, script: str) -> _Guess:
    if script == "other":
        return _Guess(None, False)
    counted = Counter(words(text.lower().replace("’", "'")))
    told = _TOLD[script]
    scores = dict.fromkeys(_FREQUENT[script], 0)
    for word, times in counted.items():
        for code in told.get(word, ()):
            scores[code] += times
    if not text.isascii():
        for code in scores.keys() & _OWN_LETTERS.keys():
            own = frozenset(_OWN_LETTERS[code])
            scores[code] += sum(times for word, times in counted.items() if not own.isdisjoint(word))
    (best, first), (_, second) = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:2]
    enough = first >= max(2, _LEAST_SHARE * counted.total())
    return _Guess(best if first else None, enough and first > second and first >= _LEAD * second)
