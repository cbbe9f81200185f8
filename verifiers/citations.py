"""`citations@1`: the sources that an answer cites, judged by gates of which each must open before the next is tried.

The gates follow the citation environment of NeMo Gym: a declared answer, something in it besides citations, nothing
that looks like a citation and is none, at least one citation, no source that does not exist, all sources that the
answer rests on, and few others. Quotes can be checked too: each must stand in the source that it is cited from. Whether
the answer is right is another verifier's question: `gate@1` over `answer@1` and this one asks both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.answer import CITATION
from rlvr_gym.verifiers.base import Context, ReferenceFault, Verifier
from rlvr_gym.verifiers.errors import ConfigError, shown, suggestion
from rlvr_gym.verifiers.extraction import NoSlot, after_reasoning, check_markers, final_slot
from rlvr_gym.verifiers.verdict import Part, Reason, Status, Verdict, ungradable

MODES = ("cite", "none")
SCOPES = ("answer", "response")
QUOTES = ("off", "checked", "required")
MIN_QUOTE_WORDS = 3
MAX_CITATIONS = 1_000

_RESIDUE = re.compile(
    r"[\[\]\u3010\u3011\u3014\u3015\uff3b\uff3d\u27e6\u27e7\u3016\u3017]"
    r"|</?(?:cite|citation|ref|source|sup)\b|\\cite\b|\((?:doc|document|ref|reference|see|source|cf)s?\b",
    re.IGNORECASE,
)
_ID_LIKE = re.compile(r"[^\s\[\](){}<>\"'.,;:!?]+")
_WORD = re.compile(r"\w+")
_QUOTES = str.maketrans({"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"', "\u00bb": '"'})


class Sources(NamedTuple):
    """What must be cited, and what can be.

    Args:
        needed: One set of ids for each obligation; one of each is enough.
        documents: Id to text, of the sources that there are; the text is None where it is not known.
    """

    needed: tuple[frozenset[str], ...]
    documents: Mapping[str, str | None]


class Citing(NamedTuple):
    """A response as the gates see it.

    Args:
        cited: The ids in the order of their first citation.
        rest: The text without its citations.
        text: The text.
        answer: The declared answer, which is the text or a part of it.
        sources: What must be cited, and what can be.
    """

    cited: tuple[str, ...]
    rest: str
    text: str
    answer: str
    sources: Sources


class Refusal(NamedTuple):
    """A gate that stays closed: status and reason."""

    status: Status
    reason: Reason


@dataclass(frozen=True)
class Citations(Verifier):
    """Judges which sources an answer cites, as `[id]`, one id in each pair of brackets.

    The reference is an object: `"sources"` lists what the answer rests on, each an id or a list of ids of which one is
    enough; `"documents"` holds all sources that there are, `{id: text}` or a list of ids. A context with `"sources"`,
    in the same form, takes the place of `"documents"`: what the policy was really shown. Without both, whatever is not
    needed does not exist.

    The dense score is 1 if it passes, the F1 of the cited sources where they are known and not the right ones, else 0.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).
        mode: `"cite"`, or `"none"` where nothing may be cited; the reference then may list no sources.
        scope: Where citations are looked for: in the `"answer"`, or in the whole `"response"` after its reasoning.
        max_extra: How many sources may be cited that are not needed.
        quotes: `"off"`; `"checked"`: a text in quotation marks before a citation must stand in that source, word by
            word; `"required"`: each citation must follow such a text.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> verifier = Citations()
        >>> reference = {"sources": ["d2"], "documents": ["d1", "d2", "d3", "d4"]}
        >>> verifier.verify("<answer>Mara Vell [d2]</answer>", reference).passed
        True
        >>> verifier.verify("<answer>Mara Vell [d1][d2][d3][d4]</answer>", reference).reason.code
        'too_many_sources'
        >>> verifier.verify("<answer>Mara Vell [d9]</answer>", reference).reason.text
        'there is no source [d9], or it was not read'
    """

    name = "citations"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "It does not ask whether the answer is right, nor whether it follows from what is cited.",
        "One source more than needed is no fault, by default: of two candidates both may be cited.",
        "An id without a digit or without a letter in it can stand in the text without brackets and is not seen.",
        "Square brackets that are no citation are refused, in whatever the answer says.",
    )

    markers: tuple[str, ...] = ("answer_tag", "boxed", "####", "A:")
    mode: str = "cite"
    scope: str = "answer"
    max_extra: int = 1
    quotes: str = "off"

    def __post_init__(self) -> None:
        check_markers(self.markers)
        for setting, given, known in (("mode", self.mode, MODES), ("scope", self.scope, SCOPES)):
            _check_choice(setting, given, known)
        _check_choice("quotes", self.quotes, QUOTES)
        if isinstance(self.max_extra, bool) or not isinstance(self.max_extra, int) or self.max_extra < 0:
            raise ConfigError(f"max_extra must be an integer of at least 0, got {shown(self.max_extra)}")
        super().__post_init__()

    def parse_reference(self, reference: Any) -> Sources:
        """See the class."""
        if not isinstance(reference, Mapping) or not _is_list(reference.get("sources")):
            raise ReferenceFault("no_sources", "the reference must be an object with a list of 'sources'")
        needed = tuple(frozenset([s] if isinstance(s, str) else _ids(s)) for s in reference["sources"])
        if not needed and self.mode == "cite":
            raise ReferenceFault("no_sources", "the reference lists no sources: nothing would have to be cited")
        for identifier in frozenset().union(*needed):
            if not CITATION.fullmatch(f"[{identifier}]"):
                raise ReferenceFault("no_id", f"{shown(identifier)} is no id that can be cited")
        if "documents" not in reference:
            return Sources(needed, dict.fromkeys(sorted(frozenset().union(*needed))))
        documents = _documents(reference["documents"])
        if documents is None or not all(ids & documents.keys() for ids in needed):
            raise ReferenceFault("no_documents", "'documents' must hold what is needed: {id: text}, or a list of ids")
        return Sources(needed, documents)

    def judge(self, response: str, gold: Sources, context: Context | None) -> Verdict:
        """See the class."""
        if context is not None and "sources" in context:
            shown_ones = _documents(context["sources"])
            if shown_ones is None:
                text = "the context's 'sources' must be {id: text} or a list of ids"
                return ungradable(Status.VERIFIER_ERROR, "bad_context", text, self.id)
            gold = gold._replace(documents=shown_ones)
        slot = final_slot(response, self.markers)
        names = [name for name, _ in _GATES[self.mode]]
        if isinstance(slot, NoSlot):
            parts = _parts(["structure", *names], 0, slot.reason.code)
            return Verdict(slot.status, 0.0, slot.reason, self.id, parts=parts)
        text = slot.text if self.scope == "answer" else after_reasoning(response) or ""
        cited = tuple(dict.fromkeys(CITATION.findall(text)))
        if self.quotes != "off" and any(gold.documents.get(one, "") is None for one in cited):
            text = "quotes are to be checked, and the texts of the sources are not known"
            return ungradable(Status.REFERENCE_ERROR, "no_texts", text, self.id)
        citing = Citing(cited, CITATION.sub(" ", text), text, slot.text, gold)
        return self._through(citing, names)

    def _through(self, citing: Citing, names: Sequence[str]) -> Verdict:
        extracted = citing.answer.strip()[:200]
        for place, (name, gate) in enumerate(_GATES[self.mode]):
            if refusal := gate(self, citing):
                parts = _parts(["structure", *names], place + 1, refusal.reason.code)
                score = overlap(citing) if name in ("complete", "concise") else 0.0
                return Verdict(refusal.status, score, refusal.reason, self.id, extracted, "gates", parts)
        parts = _parts(["structure", *names], len(names) + 1, "")
        return Verdict(
            Status.PASSED, 1.0, Reason("well_cited", "every gate is open"), self.id, extracted, "gates", parts
        )


def overlap(citing: Citing) -> float:
    """F1 of what is cited: needed sources that are, among all cited and among all needed."""
    hits = sum(not ids.isdisjoint(citing.cited) for ids in citing.sources.needed)
    return 2 * hits / (len(citing.cited) + len(citing.sources.needed))


def _answered(verifier: Citations, citing: Citing) -> Refusal | None:
    if _WORD.search(CITATION.sub(" ", citing.answer)):
        return None
    return Refusal(Status.NO_ANSWER, Reason("only_citations", "there is nothing but citations"))


def _well_formed(verifier: Citations, citing: Citing) -> Refusal | None:
    if sum(1 for _ in CITATION.finditer(citing.text)) > MAX_CITATIONS:
        text = f"there are more than {MAX_CITATIONS:,} citations"
        return Refusal(Status.LIMIT_EXCEEDED, Reason("too_many_citations", text))
    found = _RESIDUE.search(citing.rest)
    left = found[0] if found else next(_bare_ids(citing), None)
    if left is None:
        return None
    text = f"{shown(left, 60)} looks like a citation and is none: write one id in square brackets, [id]"
    return Refusal(Status.MALFORMED, Reason("citation_residue", text))


def _bare_ids(citing: Citing) -> Iterator[str]:
    """Ids of sources that stand in the text without brackets; only those that could not be a word or a number."""
    known = citing.sources.documents
    for match in _ID_LIKE.finditer(citing.rest):
        word = match[0]
        if word in known and any(map(str.isdigit, word)) and any(map(str.isalpha, word)):
            yield word


def _cites(verifier: Citations, citing: Citing) -> Refusal | None:
    if citing.cited:
        return None
    return Refusal(Status.FAILED, Reason("no_citation", "no source is cited"))


def _uncited(verifier: Citations, citing: Citing) -> Refusal | None:
    if not citing.cited:
        return None
    return Refusal(Status.FAILED, Reason("citation", "a source is cited, and none was to be"))


def _known(verifier: Citations, citing: Citing) -> Refusal | None:
    unknown = next((one for one in citing.cited if one not in citing.sources.documents), None)
    if unknown is None:
        return None
    return Refusal(Status.FAILED, Reason("unknown_source", f"there is no source [{unknown}], or it was not read"))


def _quoted(verifier: Citations, citing: Citing) -> Refusal | None:
    if verifier.quotes == "off":
        return None
    words = {one: _words(citing.sources.documents[one] or "") for one in citing.cited}
    for identifier, quote in quotes(citing.text):
        if quote is None:
            if verifier.quotes == "required":
                return Refusal(Status.FAILED, Reason("no_quote", f"[{identifier}] follows no quote"))
        elif len(_WORD.findall(quote)) < MIN_QUOTE_WORDS:
            text = f"a quote of fewer than {MIN_QUOTE_WORDS} words shows nothing"
            return Refusal(Status.FAILED, Reason("short_quote", text))
        elif _words(quote) not in words[identifier]:
            text = f"what is quoted from [{identifier}] does not stand there"
            return Refusal(Status.FAILED, Reason("false_quote", text))
    return None


def _complete(verifier: Citations, citing: Citing) -> Refusal | None:
    if not any(ids.isdisjoint(citing.cited) for ids in citing.sources.needed):
        return None
    return Refusal(Status.FAILED, Reason("source_missing", "a source that the answer rests on is not cited"))


def _concise(verifier: Citations, citing: Citing) -> Refusal | None:
    needed = frozenset().union(*citing.sources.needed)
    extra = sum(one not in needed for one in citing.cited)
    if extra <= verifier.max_extra:
        return None
    text = f"{extra} sources are cited that nothing rests on; {verifier.max_extra} may be"
    return Refusal(Status.FAILED, Reason("too_many_sources", text))


Gate = Callable[[Citations, Citing], Refusal | None]
_GATES: Mapping[str, tuple[tuple[str, Gate], ...]] = {
    "cite": (
        ("answered", _answered),
        ("well_formed", _well_formed),
        ("cites", _cites),
        ("known", _known),
        ("quoted", _quoted),
        ("complete", _complete),
        ("concise", _concise),
    ),
    "none": (("answered", _answered), ("well_formed", _well_formed), ("uncited", _uncited)),
}


def quotes(text: str) -> list[tuple[str, str | None]]:
    """Each citation with the quoted text directly before it; citations in a row share one.

    Example:
        >>> quotes('It is "far to the north" [d1][d2], says [d3].')
        [('d1', 'far to the north'), ('d2', 'far to the north'), ('d3', None)]
    """
    text = text.translate(_QUOTES)
    found: list[tuple[str, str | None]] = []
    end = 0
    for match in CITATION.finditer(text):
        between = text[end : match.start()].rstrip()
        quote = found[-1][1] if found and not between else None
        if between.endswith('"') and (opening := between.rfind('"', 0, -1)) >= 0:
            quote = between[opening + 1 : -1]
        found.append((match[1], quote))
        end = match.end()
    return found


def _words(text: str) -> str:
    """The words of a text between blanks, so that one text is a part of another only by whole words."""
    return f" {' '.join(_WORD.findall(text.lower()))} "


def _parts(names: Sequence[str], closed: int, why: str) -> tuple[Part, ...]:
    """One part a gate: those before the closed one are open, those after it were not tried."""
    opened = [Part(name, True, 1.0) for name in names[:closed]]
    untried = [Part(name, None, 0.0, "not tried") for name in names[closed + 1 :]]
    return (*opened, *(Part(name, False, 0.0, why) for name in names[closed : closed + 1]), *untried)


def _documents(given: Any) -> dict[str, str | None] | None:
    """Id to text; None where it is neither an object of texts nor a list of ids."""
    if isinstance(given, Mapping):
        documents: dict[str, str | None] = dict(given)
    elif _is_list(given) and all(isinstance(one, str) for one in given):
        documents = dict.fromkeys(given)
    else:
        return None
    valid = all(isinstance(one, str) and isinstance(text, str | None) for one, text in documents.items())
    return documents if valid else None


def _ids(given: Any) -> list[str]:
    if not _is_list(given) or not given or not all(isinstance(one, str) for one in given):
        raise ReferenceFault("no_id", f"a source is an id, or a list of ids of which one is enough; got {shown(given)}")
    return list(given)


def _is_list(given: Any) -> bool:
    return isinstance(given, Sequence) and not isinstance(given, str | bytes)


def _check_choice(setting: str, given: Any, known: Sequence[str]) -> None:
    if given not in known:
        raise ConfigError(f"{setting} must be one of {', '.join(known)}{suggestion(str(given), known)}")
