"The site's own steps, on pages of a few lines: code that leads to definitions, formulas, texts of pictures, and the check of it all."

import json, sys
from types import SimpleNamespace

import pytest

from helpers import ROOT

pytest.importorskip("nbdev", reason="nbdev is not installed: no site is made")
pytest.importorskip("math_core", reason="math-core is not installed: no site is made")
sys.path.insert(0, str(ROOT / "tools"))
import docs_chapters, docs_check, docs_pages


def block(code, kind="source", number=1):
    return f'<div id="{kind}-{number}" class="cell"><pre><code class="sourceCode python">{code}</code></pre></div>'


def notebook(folder, *cells):
    path = folder / "chapter.ipynb"
    made = [
        {"cell_type": "code", "source": cell, "outputs": [{"text": "long"}], "execution_count": 1} for cell in cells
    ]
    path.write_text(json.dumps({"cells": made}))
    return path


def test_names_in_code_lead_to_their_definitions():
    here = block("SIZE = 3\ndef turn(pose): <span>return</span> pose") + '<h3 id="turn">turn</h3>'
    there = block("from pgp_nb.a import turn\nx = turn(SIZE &lt; 4)", "cell")
    tables = {"a.html": docs_pages.definitions(here), "b/c.html": docs_pages.definitions(there)}
    assert tables == {"a.html": {"SIZE": "def-SIZE", "turn": "turn"}, "b/c.html": {}}
    assert '<span id="def-SIZE">SIZE</span> = 3' in docs_pages.code_links(here, "a.html", tables)
    linked = docs_pages.code_links(there, "b/c.html", tables)
    assert 'x = <a class="code-name" href="../a.html#turn">turn</a>(' in linked
    assert '<a class="code-name" href="../a.html#def-SIZE">SIZE</a> &lt; 4' in linked


def test_a_name_with_a_meaning_of_its_own_is_no_link():
    tables = {"a.html": {"turn": "turn"}}
    for code in ("turn = 3\nprint(turn)", "f = lambda turn: turn", "x.turn", "f(turn=1)", "!turn"):
        assert docs_pages.code_links(block(code, "cell"), "a.html", tables) == block(code, "cell")


def test_formulas_are_drawn_by_the_browser_also_in_the_contents():
    heading = r'<h2 id="loss">The loss <span class="math inline">\(L_I^u\)</span></h2>'
    entry = '<a href="#loss" id="toc-loss">The loss L_I^u</a>'
    katex = '<script src="https://cdn.jsdelivr.net/npm/katex@0.16.11/dist/katex.min.js" defer></script>'
    faults = []
    page = docs_pages.contents(docs_pages.formulas(katex + entry + heading, faults))
    assert not faults and page.count("<math") == 2 and "katex" not in page
    docs_pages.formulas(r'<span class="math inline">\(\nosuch\)</span>', faults)
    assert len(faults) == 1 and "nosuch" in faults[0]


def test_a_picture_is_described_by_what_introduces_it_and_its_titles():
    assert docs_chapters.introduction("First this.\n\nThat is `one`. The *left* knee, bent:") == "The left knee, bent."
    assert docs_chapters.introduction("Nothing about a picture.") == ""
    assert list(docs_chapters.titles('ax.set_title("the drawing")\nax.plot("k.")\nax.set_title(f"no {1} title")')) == [
        "the drawing"
    ]


def test_exported_cells_are_folded_under_a_signature_and_open_where_they_are_the_paper():
    cell = lambda code, *directives: SimpleNamespace(source=code, directives_=dict.fromkeys(directives))
    assert "code-fold: true" in docs_chapters.folded(cell("def f(): pass", "export"), 1, signed=True).source
    assert "code-fold: show" in docs_chapters.folded(cell("def f(): pass", "exports"), 1, signed=True).source
    assert "code-fold" not in docs_chapters.folded(cell("SIZE = 3", "export"), 1, signed=False).source
    assert 'code-summary: "Imports"' in docs_chapters.folded(cell("import os", "export"), 1, signed=False).source
    assert docs_chapters.summary("A = 1\ndef f(): pass\nclass C: pass") == "Code: A, f, C"


def test_each_exported_cell_follows_its_own_signatures_in_the_order_of_its_code():
    from fastcore.basics import AttrDict

    cell = lambda code, **more: AttrDict(source=code, directives_={}, **more)
    helper, code = cell("def _h(): pass"), cell("def f(): pass\ndef g(): pass")
    helper.directives_, code.directives_ = {"export": []}, {"exports": []}
    book = SimpleNamespace(cells=[helper, code, cell("g", has_sd=True), cell("f", has_sd=True), cell("f()")])
    docs_chapters.show_source(book).begin()
    assert [c.source.splitlines()[-1] for c in book.cells] == ["def _h(): pass", "f", "g", "def g(): pass", "f()"]


def test_a_notebook_to_download_has_no_outputs(tmp_path):
    docs_pages.take_along(notebook(tmp_path, "1 + 1"), tmp_path / "taken/a.ipynb")
    assert json.loads((tmp_path / "taken/a.ipynb").read_text())["cells"][0]["outputs"] == []


@pytest.mark.parametrize(
    "body, fault",
    [
        ('<a href="b.html">b</a>', "leads to b.html, which is not there"),
        ('<a href="#gone">b</a>', "leads to #gone, which has no such anchor"),
        ('<script src="https://example.org/a.js"></script>', "loads https://example.org/a.js from another host"),
        ('<img src="data:image/png;base64,">', "has 1 pictures without a text"),
        ('<i id="a"></i><i id="a"></i>', "has the anchor a 2 times"),
        (r"as \(x_1\) says", r"shows a formula as \(x_1\)"),
    ],
)
def test_the_check_finds_a_fault(tmp_path, body, fault):
    site, chapter = tmp_path / "site", notebook(tmp_path, "#| export\nSIZE = 3")
    site.mkdir()
    (site / "a.html").write_text(
        block("SIZE = 3") + '<a href="a.html#source-1">here</a> <a href="https://example.org">there</a>'
    )
    assert docs_check.check(site, {chapter: "a.html"}) == []
    (site / "a.html").write_text(block("SIZE = 3") + body)
    assert docs_check.check(site, {chapter: "a.html"}) == [f"a.html: {fault}"]


def test_the_check_counts_exported_lines_and_reads_style_sheets(tmp_path):
    site, chapter = tmp_path / "site", notebook(tmp_path, "#| export\nSIZE = 3\nCOUNT = 4", "print(SIZE)")
    site.mkdir()
    (site / "a.html").write_text(block("SIZE = 3"))
    (site / "a.css").write_text("@import url(https://fonts.example.org/x);")
    assert docs_check.code_share({chapter: "a.html"}, {"a.html": docs_check.Page(block("SIZE = 3"))}) == (2, 1)
    faults = docs_check.check(site, {chapter: "a.html"})
    assert faults[0] == "a.css: loads https://fonts.example.org/x" and "50.0%" in faults[1] and len(faults) == 2
