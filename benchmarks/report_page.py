"""Parts of the report page: markup that escapes by default, the style.

Everything that a model, a data set or a folder name contributes passes through `tag` or `json_for_script`, which are
the only two ways of text into the page.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable
from typing import Any

_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"} | {0x7F: 0x2421}
_VISIBLE = _PICTURES | dict.fromkeys((0xFFFE, 0xFFFF), 0xFFFD)
_UNSAFE_IN_SCRIPT = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


class Html(str):
    """Text that is markup already; `tag` escapes every other string."""

    __slots__ = ()


def printable(text: str) -> str:
    r"""Text that HTML, XML and UTF-8 can all hold: control characters as pictures, lone surrogates as escapes.

    Example:
        >>> printable("a\x00b\ud800")
        'a␀b\\ud800'
    """
    return text.translate(_VISIBLE).encode("utf-8", "backslashreplace").decode("utf-8")


def tag(name: str, *children: object, **attributes: object) -> Html:
    """One element. Children and attributes are escaped unless they are `Html`; an attribute of None is left out.

    Args:
        name: Name of the element.
        *children: Its contents.
        **attributes: `class_` is written `class`, `stroke_width` is written `stroke-width`.

    Example:
        >>> tag("p", tag("b", "1 < 2"), " & more", class_="x")
        '<p class="x"><b>1 &lt; 2</b> &amp; more</p>'
    """
    pairs = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None)
    inside = "".join(f' {key}="{_escaped(value)}"' for key, value in pairs)
    return Html(f"<{name}{inside}>{join(children)}</{name}>")


def join(parts: Iterable[object]) -> Html:
    """Parts one after the other, escaped unless they are `Html`."""
    return Html("".join(part if isinstance(part, Html) else _escaped(part) for part in parts))


def table(head: Iterable[object], rows: Iterable[Iterable[object]], **attributes: object) -> Html:
    """A table that scrolls sideways where it is too wide; the first cell of each row is its heading."""
    top = tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head)))
    lines = []
    for first, *rest in rows:
        lines.append(tag("tr", tag("th", first, scope="row"), *(tag("td", cell) for cell in rest)))
    return tag("div", tag("table", top, tag("tbody", *lines), **attributes), class_="scroll")


def json_for_script(value: Any) -> Html:
    r"""JSON that may stand inside `<script type="application/json">`: ASCII, and nothing that could end the element.

    Example:
        >>> json_for_script("</script>")
        '"\\u003c/script\\u003e"'
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Html(text.translate(_UNSAFE_IN_SCRIPT))


def page(title: str, style: str, body: Iterable[Html], data: Any, script: str) -> str:
    """The whole document.

    Its policy forbids the browser to load anything and to run any script but ours, whatever else the page may hold.

    Args:
        title: Title of the window.
        style: Rules to set before our own.
        body: Sections.
        data: What the script reads, as JSON from the element `data`.
        script: The only script that may run.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    head = (
        '<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">'
    )
    contents = "\n".join(body)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n{tag("title", title)}\n<style>{style}{STYLE}</style>\n'
        f'</head>\n<body>\n{contents}\n<script type="application/json" id="data">{json_for_script(data)}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _escaped(value: object) -> str:
    return html.escape(printable(str(value)), quote=True)


STYLE = """
:root { --page: #fff; --ink: #1c2024; --muted: #5f6670; --line: #dde1e6; --soft: #f5f6f8; --accent: #33507a;
  --good: #00704f; --bad: #a83c00; --void: #7a5a00; --mono: ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
@media (prefers-color-scheme: dark) { :root { --page: #14171b; --ink: #e6e8eb; --muted: #9ba3ad; --line: #31363d;
  --soft: #1d2126; --accent: #9dbbe8; --good: #45c898; --bad: #ff9a66; --void: #e0b84a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2.2rem 1.4rem 4rem; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .3rem; }
h2 { font-size: 1.12rem; margin: 2.6rem 0 .5rem; }
h3 { font-size: .95rem; margin: 1.6rem 0 .3rem; }
p { margin: .4rem 0; max-width: 46rem; }
header p { max-width: none; }
h1, p, summary { overflow-wrap: anywhere; }
td, th { overflow-wrap: break-word; max-width: 24rem; }
.facts, .note, figcaption, caption { color: var(--muted); font-size: .87rem; }
.facts b { color: var(--ink); font-weight: 600; }
.answer { margin: 1.3rem 0 0; padding: .85rem 1.1rem; background: var(--soft); border-left: 3px solid var(--accent);
  border-radius: 0 4px 4px 0; }
.answer p { margin: 0; max-width: none; font-size: 1.1rem; line-height: 1.5; }
.answer .note { font-size: .87rem; margin-top: .35rem; }
figure { margin: .6rem 0 0; }
.scroll { overflow-x: auto; margin: .5rem 0; }
svg { display: block; width: 100%; min-width: 30rem; height: auto; }
svg a { cursor: help; }
table { border-collapse: collapse; font-size: .87rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .28rem .8rem .28rem 0; border-bottom: 1px solid var(--line);
  vertical-align: baseline; }
thead th { color: var(--muted); font-weight: 500; border-bottom-color: var(--muted); }
tbody th { font-weight: 500; }
.outcomes th:first-child { white-space: nowrap; }
td:not(:last-child), thead th:not(:first-child):not(:last-child) { padding-right: 1.2rem; }
th:first-child, .words td, .words th, td.words, .outcomes td:last-child, .outcomes th:last-child { text-align: left; }
td small { display: block; color: var(--muted); white-space: nowrap; }
.outcomes td:last-child { color: var(--muted); min-width: 16rem; }
.name { white-space: nowrap; }
.key { display: inline-block; width: .7rem; height: .7rem; border-radius: 50%; margin-right: .45rem;
  background: var(--c); }
code, pre { font-family: var(--mono); font-size: .85em; unicode-bidi: isolate; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--soft); padding: .6rem .8rem; margin: .2rem 0 0;
  border-radius: 4px; max-height: 26rem; overflow: auto; }
details > summary { cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.controls { display: flex; flex-wrap: wrap; gap: .5rem .8rem; align-items: end; margin: .8rem 0 .3rem; }
.controls label { font-size: .8rem; color: var(--muted); display: grid; gap: .15rem; }
.controls .wide { flex: 1 1 14rem; }
select, input, button { font: inherit; font-size: .87rem; color: var(--ink); background: var(--page);
  padding: .3rem .5rem; border: 1px solid var(--line); border-radius: 4px; max-width: 100%; min-height: 2rem; }
button:disabled { color: var(--muted); cursor: default; }
.pager { position: sticky; top: 0; padding: .3rem 0; background: var(--page); z-index: 1;
  display: flex; gap: .5rem; align-items: center; margin: .5rem 0; font-size: .87rem; }
.pager output { flex: 1; color: var(--muted); }
.row { border-bottom: 1px solid var(--line); }
.row > summary { display: grid; grid-template-columns: 1.1rem 7.5rem 8rem 1fr; gap: .7rem;
  padding: .28rem .2rem; font-size: .85rem; align-items: baseline; list-style: none; }
.several .row > summary { grid-template-columns: 1.1rem minmax(4rem, 10rem) 7.5rem 8rem 1fr; }
.row > summary::-webkit-details-marker { display: none; }
.row > summary:hover { background: var(--soft); }
.row > summary > * { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.row[open] { padding-bottom: .9rem; }
.passed .state { color: var(--good); } .failed .state { color: var(--bad); } .ungradable .state { color: var(--void); }
.gist { color: var(--muted); }
.body { padding-left: 1.8rem; }
.body h4 { margin: .7rem 0 0; font-size: .8rem; font-weight: 500; color: var(--muted); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .9rem; margin: .3rem 0; font-size: .85rem; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
.cut { color: var(--void); font-style: italic; }
kbd { font-family: var(--mono); font-size: .8em; border: 1px solid var(--line); border-radius: 3px; padding: 0 .3em; }
footer { margin-top: 3.2rem; padding-top: .8rem; border-top: 1px solid var(--line); font-size: .87rem; }
footer h2 { margin-top: .6rem; } footer dl { grid-template-columns: minmax(7rem, 10rem) 1fr; gap: .55rem 1rem; }
@media (max-width: 40rem) { .row > summary, .several .row > summary { grid-template-columns: 1.1rem 1fr 1fr; }
  .gist { display: none; }
  footer dl { grid-template-columns: 1fr; gap: .1rem; } footer dd { margin-bottom: .6rem; } }
@media print { .controls, .pager button { display: none; } }
"""
