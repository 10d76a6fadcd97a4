"The site's own steps, on pages of a few lines: code that leads to definitions, formulas, texts of pictures, and the check of it all."

import json, sys
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from helpers import ROOT

pytest.importorskip("nbdev", reason="nbdev is not installed: no site is made")
pytest.importorskip("math_core", reason="math-core is not installed: no site is made")
sys.path.insert(0, str(ROOT / "tools"))
import docs_chapters, docs_check, docs_pages, docs_pictures, docs_reference, pictures


def block(code, kind="source", number=1):
    return f'<div id="{kind}-{number}" class="cell"><pre><code class="sourceCode python">{code}</code></pre></div>'


def notebook(folder, *cells):
    path = folder / "chapter.ipynb"
    made = [
        {"cell_type": "code", "source": cell, "outputs": [{"text": "long"}], "execution_count": 1} for cell in cells
    ]
    path.write_text(json.dumps({"cells": made}), encoding="utf-8")
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


def test_a_name_in_a_text_is_a_link_where_it_can_only_mean_the_definition():
    tables = {
        "a.html": {"turn": "turn", "turn_back": "def-turn_back", "Pose": "pose", "Pose.size": "pose"},
        "b.html": {},
    }
    linked = lambda text, code="": docs_pages.prose_links(
        f"{block(code, 'cell')}<main>{text}</main>", "b.html", tables, {"turn_back"}
    )
    assert linked("<code>Pose.size</code>").endswith(
        '<main><a class="code-name" href="a.html#pose"><code>Pose.size</code></a></main>'
    )
    assert 'href="a.html#turn"' in linked("<code>turn()</code>")
    assert 'href="a.html#turn"' in linked('<a href="a.html"><code>turn</code></a>')
    for text in (
        "<code>turn</code>",
        "<code>turn_back</code>",
        "<pre><code>Pose</code></pre>",
        "<h2><code>turn()</code></h2>",
    ):
        assert "code-name" not in linked(text)
    assert "code-name" in linked("<code>turn</code>", '<a class="code-name" href="a.html#turn">turn</a>(3)')
    assert linked("<code>turn</code>", '<a class="code-name" href="#">turn</a>(turn=3)').count("code-name") == 1


def test_formulas_are_drawn_by_the_browser_also_in_the_contents():
    heading = r'<h2 id="loss">The loss <span class="math inline">\(L_I^u\)</span></h2>'
    entry = '<a href="#loss" id="toc-loss">The loss L_I^u</a>'
    katex = '<script src="https://cdn.jsdelivr.net/npm/katex@0.16.11/dist/katex.min.js" defer></script>'
    faults = []
    page = docs_pages.contents(docs_pages.formulas(katex + entry + heading, faults))
    assert not faults and page.count("<math") == 2 and "katex" not in page
    docs_pages.formulas(r'<span class="math inline">\(\nosuch\)</span>', faults)
    assert len(faults) == 1 and "nosuch" in faults[0]


def test_exported_cells_are_folded_under_a_signature_and_open_where_they_are_the_paper():
    cell = lambda code, *directives: SimpleNamespace(source=code, directives_=dict.fromkeys(directives))
    assert "code-fold: true" in docs_chapters.folded(cell("def f(): pass", "export"), 1, signed=True).source
    assert "code-fold: show" in docs_chapters.folded(cell("def f(): pass", "exports"), 1, signed=True).source
    assert "code-fold" not in docs_chapters.folded(cell("SIZE = 3", "export"), 1, signed=False).source
    assert 'code-summary: "Imports"' in docs_chapters.folded(cell("import os", "export"), 1, signed=False).source
    assert docs_chapters.summary("A = 1\ndef f(): pass\nclass C: pass") == "Code: A, f, C"


def test_each_exported_cell_follows_the_signatures_of_what_it_defines():
    from fastcore.basics import AttrDict

    cell = lambda code, *marks: AttrDict(source=code, cell_type="code", directives_={mark: [] for mark in marks})
    code = cell("def f(): pass\ndef _g(): pass\ndef h(): pass", "exports")
    book = SimpleNamespace(cells=[cell("def _i(): pass", "export"), code, cell("f()")])
    docs_chapters.show_source(book).begin()
    assert ["### f" in c.source for c in book.cells] == [False, True, False, False, False]
    assert [c.source.splitlines()[-1] for c in book.cells] == ["def _i(): pass", ":::", ":::", "def h(): pass", "f()"]


def test_printed_tables_are_tables_and_imports_are_folded():
    table = "| a | b |\n|---|--:|\n| 1 | 2 |\n"
    output = {"output_type": "stream", "name": "stdout", "text": ["two rows\n", table, "|x| is no table\n"]}
    before, shown, after = docs_chapters.tabular(output)
    assert (before["text"], after["text"]) == ("two rows\n", "|x| is no table\n")
    assert shown["data"]["text/markdown"] == table
    picture = {"output_type": "display_data", "data": {"image/png": ""}}
    assert docs_chapters.tabular(picture) == [picture]
    for code, folded in (("import os\nfrom re import sub", True), ("import os\nos.getcwd()", False)):
        cell = SimpleNamespace(source=code, cell_type="code")
        docs_chapters.fold_imports(cell)
        assert ("code-fold" in cell.source) == folded


def test_a_signature_is_what_the_source_says():
    code = """\
@dataclass(frozen=True)
class Shot(Base):
    "A shot."

    size: int = SIZE  # px
    _hidden: int = 0
    name = "shot"

    @property
    def half(self) -> int:
        "Half of it."
        return self.size // 2

def take(
    shot: Shot = Shot(),  # of what
    # more of it
) -> Tensor:  # (3,)
    # how
    return shot
"""
    (_, shot), (_, take) = docs_reference.public(code)
    assert docs_reference.signature(code, shot).split("\n")[1:] == [
        "class Shot(Base):",
        "    size: int = SIZE  # px",
        "",
        "    @property",
        "    def half(self) -> int:",
        '        "Half of it."',
    ]
    assert docs_reference.signature(code, take).endswith("# more of it\n) -> Tensor:  # (3,)")
    assert docs_reference.prose("q_z in `a_b`, $c_d$") == r"q\_z in `a_b`, $c_d$"


def test_a_figure_becomes_a_small_drawing_or_a_dense_photograph():
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure((4, 2))
    left, right = figure.subplots(1, 2)
    left.imshow(np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8))
    left.plot([1, 30], [1, 30]), right.set_title("a title")
    for k in range(50):
        right.plot([0, 1], [0, k], color="k")
    drawn = pictures.svg(figure)
    ElementTree.fromstring(drawn)
    assert (
        "data:image/webp" in drawn and "scale(0.01562)" in drawn and drawn.count("<path") < 50 and len(drawn) < 20_000
    )
    data, size = pictures.jpeg(figure)
    assert len(data) <= pictures.MOST and 300 < size["width"] < 400  # of 4 inches at 100 dpi, cut to what is drawn


def test_pictures_of_a_page_are_files(tmp_path):
    drawing = '<svg alt="A line." xmlns:xlink="x" width="72pt" height="36.0pt"><path/></svg>'
    dot = "R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
    photograph = f'<img alt="A dot." src="data:image/gif;base64,{dot}" class="img-fluid">'
    page = docs_pictures.pictures(drawing + photograph * 2, "a/b.html", tmp_path, {dot: (3, 2)})
    assert 'width="96" height="48" loading="lazy" class="img-fluid" alt="A line."' in page
    assert 'width="3" height="2" loading="lazy" alt="A dot." class="img-fluid"' in page and "base64" not in page
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert len(names) == 2 and all(f'src="../pictures/{name}"' in page for name in names)


def test_a_notebook_to_download_has_no_outputs(tmp_path):
    docs_pages.take_along(notebook(tmp_path, "1 + 1"), tmp_path / "taken/a.ipynb")
    assert json.loads((tmp_path / "taken/a.ipynb").read_text(encoding="utf-8"))["cells"][0]["outputs"] == []


@pytest.mark.parametrize(
    "body, fault",
    [
        ('<a href="b.html">b</a>', "leads to b.html, which is not there"),
        ('<a href="#gone">b</a>', "leads to #gone, which has no such anchor"),
        ('<script src="https://example.org/a.js"></script>', "loads https://example.org/a.js from another host"),
        ('<img src="data:image/png;base64,">', "has 1 pictures without a text: write `#| fig-alt:` in their cells"),
        (
            '<main><figure><img alt="a" src="data:,"><figcaption>A</figcaption></figure><img alt="b" src="data:,"></main>',
            "has 1 pictures without a caption: write `#| fig-cap:` in their cells",
        ),
        ('<i id="a"></i><i id="a"></i>', "has the anchor a 2 times"),
        (
            '<a class="code-name" href="a.html#source-1">SIZE</a>',
            "leads from SIZE to a.html#source-1, where nothing is defined",
        ),
        (block("def f(\n    *args, **kwargs\n):", "signature"), "has a signature that hides its parameters: def f("),
        (r"as \(x_1\) says", r"shows a formula as \(x_1\)"),
    ],
)
def test_the_check_finds_a_fault(tmp_path, body, fault):
    site, chapter = tmp_path / "site", notebook(tmp_path, "#| export\nSIZE = 3")
    site.mkdir()
    (site / "a.html").write_text(
        block("SIZE = 3") + '<a href="a.html#source-1">here</a> <a href="https://example.org">there</a>',
        encoding="utf-8",
    )
    assert docs_check.check(site, {chapter: "a.html"}) == []
    (site / "a.html").write_text(block("SIZE = 3") + body, encoding="utf-8")
    assert docs_check.check(site, {chapter: "a.html"}) == [f"a.html: {fault}"]


def test_the_check_counts_exported_lines_and_reads_style_sheets(tmp_path):
    site, chapter = tmp_path / "site", notebook(tmp_path, "#| export\nSIZE = 3\nCOUNT = 4", "print(SIZE)")
    site.mkdir()
    (site / "a.html").write_text(block("SIZE = 3"), encoding="utf-8")
    (site / "a.css").write_text("@import url(https://fonts.example.org/x);", encoding="utf-8")
    assert docs_check.code_share({chapter: "a.html"}, {"a.html": docs_check.Page(block("SIZE = 3"))}) == (2, 1)
    faults = docs_check.check(site, {chapter: "a.html"})
    assert faults[0] == "a.css: loads https://fonts.example.org/x" and "50.0%" in faults[1] and len(faults) == 2
