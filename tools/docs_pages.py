"""What the rendered pages still lack: formulas as MathML, names in code that lead to their definitions, their notebooks.

Works on the HTML that the renderer wrote, which has one shape for each of these things. Everything happens when the site is built: a
page asks nothing of another host.
"""

import ast, html, json, os, re
from pathlib import Path
from urllib.parse import quote

import docs_pictures
import yaml
from math_core import LatexError, LatexToMathML

ROOT = Path(__file__).resolve().parent.parent
BASE = "/pgp_nb/"  # where the host puts the site
FORMULA = re.compile(r'(<span class="math (inline|display)">)\\[(\[](.*?)\\[)\]](</span>)', re.S)
KATEX = re.compile(r"<(?:link|script)[^>]*cdn\.jsdelivr\.net/npm/katex[^>]*>(?:</script>)?")
WEB_FONTS = re.compile(r"@import url\(https?:[^)]*\);?")
OPENS, CLOSES = ("{", r"\left", r"\begin"), ("}", r"\right", r"\end")
BREAKS = (" = ", " + ", " - ", r"\quad", r"\qquad", r"\le", r"\approx", r"\cdot")
LONG = 40  # characters of TeX: a longer display formula may be broken
CELL = re.compile(r'<div id="(cell|source|signature)-[^"]*" class="cell">')
CODE = re.compile(r'(<code class="sourceCode python">)(.*?)(</code>)', re.S)
PROSE = re.compile(r"<pre\b.*?</pre>|<h\d\b.*?</h\d>|<a\b[^>]*>.*?</a>|<code>[^<\s]+</code>", re.S)
NAMED_LINK = re.compile(r'<a href="([^"#]*)"><code>([\w.]+)(?:\(\))?</code></a>')
ONE_WORD = re.compile(r"[A-Za-z][a-z0-9]*")  # such a name may be a word of the language, too
HEADING = re.compile(r'<h(\d)\b[^>]*? (?:id|data-anchor-id)="([^"]+)"[^>]*>(.*?)</h\1>', re.S)
PIECE = re.compile(r"<[^>]*>|&[^;]+;|[^<&]+")
NEEDS = """\
!git clone -q --depth 1 https://github.com/pgp-nb/pgp_nb
%pip install -q './pgp_nb[train,widgets,data]' 'nbdev==2.4.14' 'execnb<0.2' 'fastcore<2'
%cd -q pgp_nb/{folder}"""  # first of all where there is a notebook and nothing else, as in Colab
NAVIGATION = (
    ('<nav id="quarto-sidebar"', "Chapters"),
    ('<nav class="quarto-secondary-nav"', "Where this page is"),
    ('<nav class="page-navigation"', "Previous and next"),
)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def text_of(markup):
    "The words of a piece of HTML."
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


def pieces(tex):
    "A long display formula in pieces between which a narrow screen may break it, none inside braces or brackets that grow."
    cuts, depth = [0], 0
    for found in re.finditer(r"\\(?:[a-zA-Z]+|.)|[{}]| [=+-] ", tex):
        depth += (found[0] in OPENS) - (found[0] in CLOSES)
        if depth == 0 and found.start() and found[0] in BREAKS:
            cuts.append(found.start())
    return [tex[start:end] for start, end in zip(cuts, [*cuts[1:], len(tex)])]


def formulas(page, faults):
    "TeX to MathML, which browsers draw themselves; the TeX stays inside as an annotation for who copies it."
    convert = LatexToMathML(annotation=True, fancy_error=False).convert_with_local_state

    def mathml(found):
        opened, kind, tex, closed = found.groups()
        tex = html.unescape(tex)
        try:
            whole = convert(tex, displaystyle=kind == "display")
            parts = pieces(tex) if kind == "display" and len(tex) > LONG else [tex]
            if len(parts) > 1:
                rows = [convert("{}" + part, displaystyle=True) for part in parts]
                whole = "<wbr>".join(row.replace(' display="block"', ' displaystyle="true"') for row in rows)
            return opened + whole + closed
        except LatexError as error:
            faults.append(f"formula {tex!r}: {error}")
            return found[0]

    return KATEX.sub("", FORMULA.sub(mathml, page))


def contents(page):
    "The formulas of headings in the table of contents too."
    shown = {anchor: inner for _, anchor, inner in HEADING.findall(page) if "<math" in inner}

    def entry(found):
        inner = shown.get(found[2])
        return found[1] + re.sub(r"</?a\b[^>]*>", "", inner) + "</a>" if inner else found[0]

    return re.sub(r'(<a href="#([^"]+)" id="toc-[^>]*>).*?</a>', entry, page, flags=re.S)


def parsed(code):
    "The syntax tree of a block of code or of a signature; an empty one for what is not Python, such as a line of the shell."
    for ending in ("", "\n    ..."):
        try:
            return ast.parse(code + ending)
        except SyntaxError:
            pass
    return ast.parse("")


def top_level(tree):
    "Names that a block defines, with the node that does."
    for node in tree.body:
        if isinstance(node, DEFINITIONS):
            if not any(
                getattr(d, "id", getattr(getattr(d, "func", None), "id", "")) == "patch" for d in node.decorator_list
            ):
                yield node.name, node
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((n.id, n) for t in targets for n in ast.walk(t) if isinstance(n, ast.Name))


def cells(page):
    "The pieces of a page, each from the beginning of a cell to that of the next, with what kind of cell it is."
    starts = list(CELL.finditer(page))
    cuts = [0, *(found.start() for found in starts), len(page)]
    return list(zip(["", *(found[1] for found in starts)], (page[a:b] for a, b in zip(cuts, cuts[1:]))))


def blocks(page):
    "The code of each cell of a page, and what kind of cell it is."
    found = ((CODE.search(piece), kind) for kind, piece in cells(page) if kind)
    return [(text_of(code[2]), kind) for code, kind in found if code]


def members(node):
    "The fields and methods of a class."
    for inner in getattr(node, "body", []) if isinstance(node, ast.ClassDef) else []:
        yield getattr(inner, "name", getattr(getattr(inner, "target", None), "id", ""))


def definitions(page):
    "Where this page defines the names of its module: at a heading of that name, in the code itself, or with their class."
    at_heading = {text_of(inner): anchor for _, anchor, inner in HEADING.findall(page)}
    found = [pair for code, kind in blocks(page) if kind == "source" for pair in top_level(parsed(code))]
    table = {name: at_heading.get(name, f"def-{name}") for name, _ in found}
    table |= {f"{name}.{member}": table[name] for name, node in found for member in members(node) if member}
    return table | ({name: anchor for name, anchor in at_heading.items() if "." in name} if found else {})


def uses(tree, known):
    "The nodes that name something known, except where the block gives that name a meaning of its own."
    nodes = list(ast.walk(tree))
    own = {n.arg for n in nodes if isinstance(n, ast.arg)}
    own |= {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    own |= {n.name for n in nodes if isinstance(n, DEFINITIONS)}
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in known.keys() - own:
            yield node.id, node
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pgp_nb"):
            yield from ((a.name, a) for a in node.names if a.name in known)


def spots(code, known, anchors):
    "Tags to put around words of a block: offset -> (word, opening tag, closing tag)."
    tree, lines = parsed(code), code.splitlines(keepends=True)
    found = {}

    def add(name, node, opening, closing):
        column = len(lines[node.lineno - 1].encode()[: node.col_offset].decode())
        line_start = sum(map(len, lines[: node.lineno - 1]))
        offset = code.find(name, line_start + column)
        if 0 <= offset - line_start - column <= len("async def "):
            found.setdefault(offset, (name, opening, closing))

    for name, node in top_level(tree):
        if anchors.get(name) == f"def-{name}":
            add(name, node, f'<span id="def-{name}">', "</span>")
            anchors = {**anchors, name: None}
    for name, node in uses(tree, known):
        add(name, node, f'<a class="code-name" href="{known[name]}">', "</a>")
    return found


def tagged(markup, found):
    "Highlighted code with the tags of `spots`; a word always lies inside one run of text."
    out, offset = [], 0
    for piece in PIECE.findall(markup):
        if piece[0] == "<":
            out.append(piece)
            continue
        length = len(html.unescape(piece)) if piece[0] == "&" else len(piece)
        for at in sorted((o for o in found if offset <= o < offset + length), reverse=True):
            name, opening, closing = found[at]
            start = at - offset
            if piece[start : start + len(name)] == name:
                piece = piece[:start] + opening + name + closing + piece[start + len(name) :]
        out.append(piece)
        offset += length
    return "".join(out)


def everywhere(path, tables):
    "Where a page finds what the library defines: its own names, and what other pages do not keep to themselves."
    up = "../" * path.count("/")
    others = {n: f"{up}{other}#{a}" for other, table in tables.items() for n, a in table.items() if n[0] != "_"}
    return others | {name: f"#{anchor}" for name, anchor in tables[path].items()}


def code_links(page, path, tables):
    "Link the names in a page's code to where they are defined, on this page or another."
    known, waiting = everywhere(path, tables), dict(tables[path])
    shadowed = {name for code, kind in blocks(page) if kind == "cell" for name, _ in top_level(parsed(code))}
    known_to_examples = {name: link for name, link in known.items() if name not in shadowed}

    def linked(found, kind):
        code = text_of(found[2])
        marks = spots(code, known if kind != "cell" else known_to_examples, waiting if kind == "source" else {})
        for name, opening, _ in marks.values():
            if opening.startswith("<span"):
                waiting.pop(name, None)
        return found[1] + tagged(found[2], marks) + found[3]

    return "".join(
        CODE.sub(lambda found: linked(found, kind), piece, count=1) if kind else piece for kind, piece in cells(page)
    )


def config_words():
    "The keys of the presets and studies: in a text they mean the value that a run is configured with."
    files = [*(ROOT / "pgp_nb/data/presets").glob("*.yaml"), ROOT / "experiments/studies.yaml"]
    waiting, found = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files], set()
    while waiting:
        value = waiting.pop()
        found |= value.keys() if isinstance(value, dict) else set()
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return found


def meanings(page):
    "Words that the code of a page uses for something else than a name of the library: parameters, options, texts."
    nodes = [node for code, kind in blocks(page) if kind != "signature" for node in ast.walk(parsed(code))]
    texts = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return texts | {n.arg for n in nodes if isinstance(n, (ast.arg, ast.keyword))}


def prose_links(page, path, tables, config):
    "Link the names in a page's text that can only mean the library's: no words of configurations, no words that the page does not use as names."
    known = everywhere(path, tables)
    used = {text_of(name) for name in re.findall(r'<a class="code-name"[^>]*>(.*?)</a>', page)} | tables[path].keys()
    other = meanings(page) | config

    def meant(written):
        name = written.removesuffix("()").removeprefix("pgp_nb.")
        name = name if name in known else name.rpartition(".")[2] if written.startswith("pgp_nb.") else name
        sure = written.endswith("()") or name[0] == "_" or not ONE_WORD.fullmatch(name) and name not in config
        return name if name in known and (sure or name in used and name not in other) else ""

    def linked(found):
        if chapter := NAMED_LINK.fullmatch(found[0]):  # a name that was a link to its chapter
            table = tables.get(os.path.normpath(os.path.join(os.path.dirname(path), chapter[1])), {})
            anchor = table.get(chapter[2])
            return (
                f'<a class="code-name" href="{chapter[1]}#{anchor}"><code>{chapter[2]}</code></a>'
                if anchor
                else found[0]
            )
        name = meant(text_of(found[0])) if found[0].startswith("<code>") else ""
        return f'<a class="code-name" href="{known[name]}">{found[0]}</a>' if name else found[0]

    head, main, rest = page.partition("<main")
    body, end, foot = rest.partition("</main>")
    return head + main + PROSE.sub(linked, body) + end + foot


def notebook_links(page, path, source, site):
    "Links to a chapter's notebook: to change it, read it, run it on a machine of somebody else, take it along."
    numbered = source.as_posix()
    page = page.replace(f"/nbs/{path.removesuffix('.html')}.ipynb", f"/{numbered}")
    repository = site["repo-url"].removeprefix("https://github.com/")
    first = html.escape(f"Run there first:\n{NEEDS.format(folder=source.parent.as_posix())}")
    links = (
        (f"{'../' * path.count('/')}notebooks/{numbered}", "download", "Download the notebook", " download"),
        (
            f"https://colab.research.google.com/github/{repository}/blob/main/{numbered}",
            "google",
            "Open in Colab",
            f' title="{first}"',
        ),
        (f"https://mybinder.org/v2/gh/{repository}/main?labpath={quote(numbered, '')}", "cloud", "Run on Binder", ""),
    )
    items = "".join(
        f'<div class="action-links"><a href="{link}" class="toc-action"{more}><i class="bi bi-{icon}"></i> {text}</a></div>'
        for link, icon, text, more in links
    )
    return page.replace('<div class="toc-actions">', f'<div class="toc-actions">{items}')


def landmarks(page):
    "The parts of a page by the names that a screen reader calls out."
    page = re.sub(r'(<a class="sidebar-item-toggle[^>]*?)role="navigation"', r'\1role="button"', page)
    for tag, name in NAVIGATION:
        page = page.replace(tag, f'{tag} aria-label="{name}"')
    page = page.replace(
        '<div class="toc-actions">', '<div class="toc-actions" role="navigation" aria-label="Notebook">'
    )
    return re.sub(r"<svg alt=", '<svg role="img" aria-label=', page)


def take_along(source, copy):
    "A notebook to download: it says what it needs; its outputs are on the page, and come again when it runs."
    notebook = json.loads((ROOT / source).read_text(encoding="utf-8"))
    needs = NEEDS.format(folder=source.parent.as_posix()).splitlines()
    text = "\n# ".join(["# Where the library is not installed yet, as in Colab:", *needs])
    first = {"cell_type": "code", "id": "needs", "metadata": {}, "source": text}
    notebook["cells"].insert(1, first)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def local_fonts(out):
    "The themes without their web fonts: the fonts of the system follow in the same lists."
    for sheet in out.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        if WEB_FONTS.search(text):
            sheet.write_text(WEB_FONTS.sub("", text), encoding="utf-8")


def finish(out, pages):
    "Finish all pages of the site in `out`; `pages` holds the page of each notebook. Returns faults in words."
    faults = []
    sources = {page: notebook.relative_to(ROOT) for notebook, page in pages.items()}
    shown = {picture: size for notebook in pages for picture, size in docs_pictures.sizes(notebook).items()}
    names = [path.relative_to(out).as_posix() for path in out.rglob("*.html")]
    texts = {name: docs_pictures.pictures((out / name).read_text(encoding="utf-8"), name, out, shown) for name in names}
    site = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))["website"]
    tables, config = {path: definitions(page) for path, page in texts.items()}, config_words()
    for path, page in texts.items():
        found = []
        page = prose_links(code_links(page, path, tables), path, tables, config)
        page = contents(formulas(page, found))
        if path in sources:
            page = notebook_links(page, path, sources[path], site)
            take_along(sources[path], out / "notebooks" / sources[path])
        page = landmarks(page)
        if path == "404.html":
            page = page.replace("<head>", f'<head><base href="{BASE}">', 1)
        (out / path).write_text(page, encoding="utf-8")
        faults += [f"{path}: {fault}" for fault in found]
    local_fonts(out)
    return faults
