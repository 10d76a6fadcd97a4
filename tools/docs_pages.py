"""What the rendered pages still lack: formulas as MathML, names in code that lead to their definitions, their notebooks.

Works on the HTML that the renderer wrote, which has one shape for each of these things. Everything happens when the site is built: a
page asks nothing of another host.
"""

import ast, html, json, re
from pathlib import Path

from math_core import LatexError, LatexToMathML

ROOT = Path(__file__).resolve().parent.parent
BASE = "/pgp_nb/"  # where the host puts the site
FORMULA = re.compile(r'(<span class="math (inline|display)">)\\[(\[](.*?)\\[)\]](</span>)', re.S)
KATEX = re.compile(r"<(?:link|script)[^>]*cdn\.jsdelivr\.net/npm/katex[^>]*>(?:</script>)?")
WEB_FONTS = re.compile(r"@import url\(https?:[^)]*\);?")
OPENS, CLOSES = ("{", r"\left", r"\begin"), ("}", r"\right", r"\end")
BREAKS = (" = ", " + ", " - ", r"\quad", r"\qquad", r"\le", r"\approx", r"\cdot")
LONG = 40  # characters of TeX: a longer display formula may be broken
BLOCK = re.compile(
    r'(<div id="(?:cell|source)-\d+" class="cell">.*?<code class="sourceCode python">)(.*?)(</code>)', re.S
)
HEADING = re.compile(r'<h(\d) id="([^"]+)"[^>]*>(.*?)</h\1>', re.S)
PIECE = re.compile(r"<[^>]*>|&[^;]+;|[^<&]+")
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
    "The syntax tree of a block of code; an empty one for what is not Python, such as a line of the shell."
    try:
        return ast.parse(code)
    except SyntaxError:
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


def blocks(page):
    "The code of each cell of a page, and whether it is exported."
    return [(text_of(found[2]), found[1].startswith('<div id="source')) for found in BLOCK.finditer(page)]


def definitions(page):
    "Where this page defines the names of its module: at a heading of that name, or in the code itself."
    at_heading = {text_of(inner): anchor for _, anchor, inner in HEADING.findall(page)}
    names = [name for code, exported in blocks(page) if exported for name, _ in top_level(parsed(code))]
    return {name: at_heading.get(name, f"def-{name}") for name in names}


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


def code_links(page, path, tables):
    "Link the names in a page's code to where they are defined, on this page or another."
    up, own = "../" * path.count("/"), tables[path]
    everywhere = {
        name: f"{up}{other}#{anchor}"
        for other, table in tables.items()
        for name, anchor in table.items()
        if name[0] != "_"
    }
    known = {**everywhere, **{name: f"#{anchor}" for name, anchor in own.items()}}
    trees = [parsed(code) for code, exported in blocks(page) if not exported]
    shadowed = {name for tree in trees for name, _ in top_level(tree)}
    waiting = dict(own)

    def linked(found):
        exported, code = found[1].startswith('<div id="source'), text_of(found[2])
        here = {n: a for n, a in known.items() if exported or n not in shadowed}
        marks = spots(code, here, waiting if exported else {})
        for name, opening, _ in marks.values():
            if opening.startswith("<span"):
                waiting.pop(name, None)
        return found[1] + tagged(found[2], marks) + found[3]

    return BLOCK.sub(linked, page)


def notebook_links(page, path, source):
    "Links to a chapter's notebook: to change it, read it, take it along."
    numbered = source.as_posix()
    page = page.replace(f"/nbs/{path.removesuffix('.html')}.ipynb", f"/{numbered}")
    download = f'<a href="{"../" * path.count("/")}notebooks/{numbered}" download class="toc-action">'
    return page.replace(
        '<div class="toc-actions">',
        f'<div class="toc-actions"><div class="action-links">{download}<i class="bi bi-download"></i> Download the notebook</a></div>',
    )


def take_along(source, copy):
    "A notebook to download: its outputs are on the page, and come again when it runs."
    notebook = json.loads((ROOT / source).read_text(encoding="utf-8"))
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
    texts = {path.relative_to(out).as_posix(): path.read_text(encoding="utf-8") for path in out.rglob("*.html")}
    tables = {path: definitions(page) for path, page in texts.items()}
    for path, page in texts.items():
        found = []
        page = contents(formulas(code_links(page, path, tables), found))
        if path in sources:
            page = notebook_links(page, path, sources[path])
            take_along(sources[path], out / "notebooks" / sources[path])
        if path == "404.html":
            page = page.replace("<head>", f'<head><base href="{BASE}">', 1)
        (out / path).write_text(page, encoding="utf-8")
        faults += [f"{path}: {fault}" for fault in found]
    local_fonts(out)
    return faults
