"""Search and pages: what is found and in which order, whatever is asked."""

from __future__ import annotations

import copy
import json
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.tools.corpus import MAX_WORDS, Corpus, Document
from rlvr_gym.envs.tools.search import MAX_QUERY_CHARS, Search, paged
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall, ToolResult
from rlvr_gym.envs.tools.toolkit import Limits
from rlvr_gym.verifiers import ConfigError

DOCUMENTS = [
    Document("d1", "Hainhaven", "Hainhaven is a town by the river Ane. Its mayor is Mara Vell."),
    Document("d2", "Mara Vell", "Mara Vell was taught by Ilse Toll and wrote The Silent Orchard."),
    Document("d3", "The Silent Orchard", "A book about a weaver, by some ascribed to Mara Toll."),
    Document("d4", "Ilse Toll", "Ilse Toll is a weaver."),
    Document("d5", "Twin", "The same words."),
    Document("d10", "Twin", "The same words."),
]
CORPUS = Corpus(DOCUMENTS)


def call(name: str, **arguments: object) -> ToolResult:
    return Toolbox({"search": Search(CORPUS)}).call(ToolCall(name, arguments))


def found(query: str, k: int = 5) -> list[str]:
    return [hit.id for hit in CORPUS.search(query, k)]


def test_a_search_finds_by_words_and_titles_count_more() -> None:
    assert found("Mara Vell")[0] == "d2"
    assert found("who is the mayor of hainhaven?")[0] == "d1"
    assert found("weavers")[0] in ("d3", "d4")  # stems, not spellings
    assert found("Ilse Toll", 2) == ["d4", "d2"]
    assert found("MÄRA")[0] == "d2"  # neither case nor accents matter
    assert found("nothing that occurs") == []


def test_equal_scores_are_in_the_order_of_ids() -> None:
    assert found("the same words twin")[:2] == ["d10", "d5"]
    assert Corpus(reversed(DOCUMENTS)).search("the same words twin", 5) == CORPUS.search("the same words twin", 5)


def test_what_a_policy_reads() -> None:
    assert call("search", query="mayor of Hainhaven", k=1).text == (
        "[d1] Hainhaven: Hainhaven is a town by the river Ane. Its mayor is Mara Vell."
    )
    assert call("open", document="d4").text == "[d4] Ilse Toll\nIlse Toll is a weaver."
    assert call("open", document=" [d4] ").text == call("open", document="d4").text
    assert call("search", query="xyzzy").text == "no document fits"


@pytest.mark.parametrize(
    "query",
    [
        '"Mara Vell',
        "Mara NOT Vell",
        "title: Mara",
        "NEAR(Mara Vell, 2)",
        "Mara* ^Vell",
        "{title text} : Mara",
        "Mara - Vell + '",
        "Mara; DROP TABLE documents; --",
        "Mara\x00Vell",
        "Mara\ud800 Vell",
        "AND OR NOT mara",
        "(((mara",
    ],
)
def test_operators_are_words_or_nothing(query: str) -> None:
    result = call("search", query=query)
    assert result.ok
    assert result.text.splitlines()[0].startswith("[d2] Mara Vell")
    assert len(CORPUS) == 6


@pytest.mark.parametrize(
    ("name", "arguments", "error", "text"),
    [
        ("search", {"query": "x" * 10_000_000}, "bad_arguments", "100,000"),
        ("search", {"query": "x" * (MAX_QUERY_CHARS + 1)}, "tool_error", "1,000 characters"),
        ("search", {"query": ""}, "tool_error", "no word"),
        ("search", {"query": "\x00"}, "tool_error", "no word"),
        ("search", {"query": "?!* \" ' ) AND".replace("AND", "")}, "tool_error", "no word"),
        ("search", {"query": "mara", "k": 0}, "tool_error", "1 to 20"),
        ("search", {"query": "mara", "k": -(10**30)}, "tool_error", "1 to 20"),
        ("search", {"query": "mara", "k": 21}, "tool_error", "1 to 20"),
        ("search", {"query": "mara", "k": "5"}, "bad_arguments", "'k' must be an integer"),
        ("search", {"query": "mara", "k": True}, "bad_arguments", "'k' must be an integer"),
        ("search", {"query": ["mara"]}, "bad_arguments", "'query' must be a string"),
        ("search", {}, "bad_arguments", "'query' is missing"),
        ("open", {"document": "d99"}, "tool_error", "no document 'd99'"),
        ("open", {"document": "../../etc/passwd"}, "tool_error", "no document"),
        ("open", {"document": "d1\x00"}, "tool_error", "no document"),
        ("open", {"document": ""}, "tool_error", "no document"),
        ("open", {"document": "\ud800"}, "tool_error", "no document"),
        ("open", {"document": "d1", "page": 0}, "tool_error", "no page 0"),
        ("open", {"document": "d1", "page": 2}, "tool_error", "no page 2"),
        ("open", {"document": "d1", "page": 10**4000}, "tool_error", "no page"),
        ("open", {"document": "d1", "page": 1.0}, "bad_arguments", "'page' must be an integer"),
        ("opens", {"document": "d1"}, "unknown_tool", "did you mean 'open'"),
    ],
)
def test_what_cannot_be_done_is_told(name: str, arguments: dict[str, object], error: str, text: str) -> None:
    result = call(name, **arguments)
    assert result.error == error
    assert text in result.text
    assert len(result.text) < 500


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.characters(exclude_categories=()), max_size=60), st.integers(-3, 25))
def test_any_query_has_an_answer(query: str, k: int) -> None:
    results = [call("search", query=query, k=k), call("open", document=query, page=k)]
    assert all(result.error in ("", "tool_error") for result in results)
    assert results[0] == call("search", query=query, k=k)


def test_only_the_first_words_of_a_query_are_looked_for() -> None:
    filler = " ".join(f"w{i}" for i in range(MAX_WORDS))
    assert found(f"{filler} hainhaven") == []
    assert found(f"{filler} hainhaven".replace("w0 ", "")) == ["d1"]


def test_pages_end_between_words_and_lose_none() -> None:
    text = " ".join(f"word{i}" for i in range(500))
    corpus = Corpus([Document("d1", "Long", text)])
    search = Search(corpus, page_chars=100)
    pages = [search.open("d1", page).split("\n", 1)[1] for page in range(1, len(paged(text, 100)) + 1)]
    assert max(map(len, pages)) <= 100
    assert " ".join(pages) == text
    assert search.open("d1", 2).startswith(f"[d1] Long (page 2 of {len(pages)})\n")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text("ab \n", max_size=60), st.integers(1, 9))
def test_pages_hold_the_whole_text(text: str, size: int) -> None:
    pages = paged(text, size)
    assert len(pages) >= 1
    assert all(len(page) <= size for page in pages)
    assert "".join("".join(pages).split()) == "".join(text.split())


def test_state_is_what_has_been_opened() -> None:
    search = Search(CORPUS)
    search.search("Mara")
    assert search.get_state() == {"opened": []}
    for document in ("d2", "d1", "d2"):
        search.open(document)
    assert (search.opened, search.get_state()) == (("d2", "d1"), {"opened": ["d2", "d1"]})
    other = Search(CORPUS)
    other.set_state(json.loads(json.dumps(search.get_state())))
    assert other.opened == ("d2", "d1")
    other.open("d3")
    assert search.opened == ("d2", "d1")


@pytest.mark.parametrize("state", [None, {}, [], {"opened": "d1"}, {"opened": ["d99"]}, {"opened": [1]}])
def test_a_wrong_state_is_refused(state: object) -> None:
    with pytest.raises(SnapshotError):
        Search(CORPUS).set_state(state)


def test_limits_hold_for_both_tools() -> None:
    box = Toolbox({"search": Search(CORPUS, limits=Limits(max_calls=1, cost=0.5))})
    assert box.call(ToolCall("search", {"query": "mara"})).cost == 0.5
    assert box.call(ToolCall("search", {"query": "mara"})).error == "budget"


def test_threads_share_an_index() -> None:
    corpus = Corpus(DOCUMENTS)
    queries = ["mara", "ilse toll", "twin", "river"] * 50
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda query: corpus.search(query, 5), queries)) == [CORPUS.search(q, 5) for q in queries]


def test_copies_find_the_same() -> None:
    expected = CORPUS.search("mara vell", 5)
    for other in (pickle.loads(pickle.dumps(CORPUS)), copy.deepcopy(CORPUS), copy.copy(CORPUS)):
        assert other.ids == CORPUS.ids
        assert other.search("mara vell", 5) == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_builds_its_own_index() -> None:
    expected = CORPUS.search("mara", 5)
    child = os.fork()
    if child == 0:
        os._exit(0 if CORPUS.search("mara", 5) == expected and os.getpid() in CORPUS._indexes else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_any_file_of_documents_is_read(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    rows = [{**document._asdict(), "url": "kept nowhere"} for document in DOCUMENTS]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    corpus = Corpus.from_jsonl(path)
    assert corpus.ids == CORPUS.ids
    assert corpus.search("mara", 3) == CORPUS.search("mara", 3)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "line 2 .* not JSON"),
        ("[1]", "line 2 .* must be an object"),
        ('{"id": "x", "title": "y"}', "document 2: 'text' must be a text"),
        ('{"id": 7, "title": "y", "text": "z"}', "document 2: 'id' must be a text"),
        ('{"id": "a b", "title": "y", "text": "z"}', "an id has 1 to 100 characters"),
        ('{"id": "[1]", "title": "y", "text": "z"}', "an id has 1 to 100 characters"),
        ('{"id": "", "title": "y", "text": "z"}', "an id has 1 to 100 characters"),
        ('{"id": "d1", "title": "y", "text": "z"}', "two documents have the id 'd1'"),
        ('{"id": "x", "title": "y", "text": "\\u0000"}', "without NUL"),
        ('{"id": "x", "title": "\\ud800", "text": "z"}', "half characters"),
        ("[" * 100_000, "line 2 .* not JSON"),
    ],
)
def test_a_file_that_is_no_corpus_is_refused(tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text(f'{{"id": "d1", "title": "t", "text": "x"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=why):
        Corpus.from_jsonl(path)


def test_no_corpus_at_all_is_refused(tmp_path: Path) -> None:
    for make in (lambda: Corpus([]), lambda: Corpus.from_jsonl(tmp_path / "none"), lambda: Corpus([7])):  # type: ignore[list-item]
        with pytest.raises(ConfigError):
            make()
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": "\xff"}')
    with pytest.raises(ConfigError, match="cannot read"):
        Corpus.from_jsonl(tmp_path / "latin.jsonl")


def test_the_glossary_that_comes_along_is_found_by_its_titles() -> None:
    glossary = Corpus.glossary()
    assert len(glossary) > 30
    for name in glossary.ids:
        document = glossary[name]
        assert 25 <= len(document.text.split()) <= 120
        assert name in [hit.id for hit in glossary.search(document.title, 3)]
