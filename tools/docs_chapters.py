"""From the notebooks to the site's chapters: nbdev's processing, with every exported cell left where its author put it.

An exported cell stands under the signatures of what it defines: folded, or open where it is marked `#| exports`, the mark of
the functions that are the paper. A short cell without a signature (a constant, a private helper) is simply shown.
"""

import ast, atexit, json, os, re, shutil, tempfile
from pathlib import Path

from nbdev import serve_drv
from nbdev.config import get_config
from nbdev.process import Processor
from nbdev.processors import FilterDefaults
from nbdev.showdoc import showdoc_nm

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_proc"
REPORT = ROOT / "experiments/report.ipynb"
EXTRAS = ("LICENSE", "CONTRIBUTING.md", "experiments/NOTES.md")
EXPORTED = {"export", "exports", "exporti"}
WRITES = {"set_title", "suptitle", "title", "titles", "set_xlabel", "set_ylabel", "xlabel", "ylabel", "zip"}
SHORT = 12  # lines: a cell without a signature is folded if it is longer


def plain(name):
    return re.sub(r"^\d+_", "", name)


def unnumbered(text):
    return re.sub(r"(\]\((?:[\w./]*/)?)\d+_(\w+\.ipynb)", r"\1\2", text)


def pages():
    "Each notebook of the site with its page: nbs/01_puppet.ipynb is puppet.html."
    chapters = [p.relative_to(ROOT / "nbs") for p in sorted((ROOT / "nbs").rglob("*.ipynb"))]
    kept = [p for p in chapters if not any(part[0] in "._" for part in p.parts)]
    found = {ROOT / "nbs" / p: p.with_name(plain(p.name)).with_suffix(".html").as_posix() for p in kept}
    return {**found, REPORT: REPORT.relative_to(ROOT).with_suffix(".html").as_posix()}


def source(cell):
    return "".join(cell["source"])


def defined(code):
    "The names that a cell defines at its top level, in their order; methods of `@patch` as Class.method."
    for node in ast.parse(code).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield showdoc_nm(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name) and n.id != "__all__")


def summary(code):
    "The line that a folded cell shows."
    names = list(defined(code))
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return "Code: " + ", ".join(names[:4]) + more if names else "Imports"


def folded(cell, number, signed):
    "An exported cell with the options that its block of code is shown with."
    options = [f"#| label: source-{number}"]
    long = len(cell.source.splitlines()) > SHORT or summary(cell.source) == "Imports"
    if not any(d.startswith("code-fold") for d in cell.directives_) and (signed or long):
        options += [f"#| code-fold: {'show' if 'exports' in cell.directives_ else 'true'}"]
        options += [f"#| code-summary: {json.dumps(summary(cell.source))}"]
    cell.source = "\n".join([*options, cell.source])
    return cell


class show_source(Processor):
    "Each exported cell after the `show_doc` cells that nbdev made for it, these in the order of the code."

    def begin(self):
        waiting, ordered = list(self.nb.cells), []
        while waiting:
            cell, signatures = waiting.pop(0), []
            if cell.get("directives_", {}).keys() & EXPORTED:
                while waiting and waiting[0].get("has_sd"):
                    signatures.insert(0, waiting.pop(0))
                cell = folded(cell, len(ordered), bool(signatures))
            ordered += [*signatures, cell]
        self.nb.cells = ordered


def introduction(text):
    "The last sentence of a text, if it ends in a colon: then it says what follows."
    paragraph = " ".join(re.split(r"\n\s*\n", text.strip())[-1].split())
    plainly = re.sub(r"\[([^]]*)\]\([^)]*\)|[*`$]", r"\1", paragraph)
    return re.split(r"(?<=[.!?])\s+(?=[A-Z])", plainly)[-1].rstrip(":") + "." if plainly.endswith(":") else ""


def words(node):
    "The texts in an expression, without pieces of formatted ones."
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
        yield node.value.replace("$", "")
    elif not isinstance(node, ast.JoinedStr):
        for child in ast.iter_child_nodes(node):
            yield from words(child)


def titles(code):
    "What a cell writes over its panels and along its axes."
    for call in (n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Call)):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        places = call.args if name in WRITES else [k.value for k in call.keywords if k.arg in WRITES]
        for place in places:
            yield from words(place)


class picture_text(Processor):
    "A text for the pictures of a cell that gives none by `fig-alt`: what introduces them, and the titles inside."

    def begin(self):
        before = ""
        for cell in self.nb.cells:
            if cell.cell_type == "code" and not any(d.startswith("fig-alt") for d in cell.directives_):
                if any(kind.startswith("image/") for o in cell.get("outputs", []) for kind in o.get("data", {})):
                    self.describe(cell, before)
            before = cell.source if cell.cell_type == "markdown" else ""

    def describe(self, cell, before):
        inside = list(
            dict.fromkeys(t.replace("\n", " ") for t in titles(re.sub(r"^\s*[%!].*$", "", cell.source, flags=re.M)))
        )
        said = f"Its titles: {'; '.join(inside[:12])}." if inside else ""
        text = " ".join(filter(None, ["Picture made by the code of this cell.", introduction(before), said]))
        cell.source = f"#| fig-alt: {json.dumps(text, ensure_ascii=False)}\n{cell.source}"


def hide_setup(cell):
    "Take out what is hidden; exported cells stay, unlike in nbdev."
    if cell.directives_.keys() & {"hide", "default_exp"}:
        del cell["source"]


class Chapter(FilterDefaults):
    "nbdev's processors for documentation, except for those that take exported code away."

    def procs(self):
        own = {"rm_export": hide_setup, "add_fold": None, "mv_exports": show_source}
        return [picture_text, *(p for p in (own.get(p.__name__, p) for p in super().procs()) if p)]


def process():
    "nbdev's own processing: front matter, hidden cells, `show_doc` tables. It reads no other configuration than settings.ini."
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.copytree(ROOT / "nbs", SITE, ignore=shutil.ignore_patterns("*.ipynb", ".*", "_*"))
    os.environ["IPYTHONDIR"] = tempfile.mkdtemp()  # no waiting for the history that other sessions of IPython write
    atexit.register(shutil.rmtree, os.environ["IPYTHONDIR"], True)  # after the shells have written theirs
    for notebook, page in pages().items():
        target = (SITE / page).with_suffix(".ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        serve_drv.main((notebook, target, Chapter))


def with_texts(cell, change):
    "Apply `change` to the Markdown of a cell: its own, or what `show_doc` wrote."
    if cell["cell_type"] != "code":
        cell["source"] = change(source(cell))
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "text/markdown" in data:
            data["text/markdown"] = change("".join(data["text/markdown"]))


def headings(notebook):
    "Anchors of the functions and classes that a processed chapter documents."
    found = []
    for cell in notebook["cells"]:
        with_texts(cell, lambda text: found.extend(re.findall(r"^### ([\w.]+)$", text, re.M)) or text)
    return {name.lower() for name in found}


def anchor(written):
    "An anchor as the renderer makes it; Jupyter's have capitals and commas."
    return re.sub(r"[^\w.-]", "", written.lower())


def relink(text, up, host, shown):
    "The links of a processed chapter as the site needs them. `up` leads to the site's root, `shown` holds the headings of each page."

    def local(link):
        "To the name's heading; for a method without one to its class, for a helper without one to its page."
        page, name = link[1], link[2]
        found = [n for n in (name, name.split(".")[0]) if n in shown.get(page, ())]
        return f"{up}{page}" + (f"#{found[0]}" if found else "")

    text = re.sub(re.escape(host) + r"([\w/]+\.html)#([\w.]+)", local, text).replace(host, up)
    text = re.sub(
        r"\[(\[`[^`]+`\]\([^)]+\))\]\([^)]+\)", r"\1", text
    )  # a name that was a link to its chapter is one to its function
    text = re.sub(r"```python.*?```", lambda code: re.sub(r"\[(`[^`]+`)\]\([^)]+\)", r"\1", code[0]), text, flags=re.S)
    text = unnumbered(text)
    text = re.sub(r"\]\(([\w./]*)#([^)\s]+)\)", lambda link: f"]({link[1]}#{anchor(link[2])})", text)
    for extra in (*EXTRAS, REPORT.relative_to(ROOT).as_posix()):
        text = text.replace(f"]({up}../{extra}", f"]({up}{extra}")
    return re.sub(r"^output-file: .*\n", "", text.replace("](../nbs/", "](../"), flags=re.M)


def link():
    "Make links relative that nbdev makes to the published host, and take the numbers off those between chapters."
    cfg = get_config(path=ROOT)
    host = f"{cfg.doc_host.rstrip('/')}/{cfg.doc_baseurl.strip('/')}/"
    paths = {page: (SITE / page).with_suffix(".ipynb") for page in pages().values()}
    notebooks = {page: json.loads(path.read_text(encoding="utf-8")) for page, path in paths.items()}
    shown = {page: headings(notebook) for page, notebook in notebooks.items()}
    for page, notebook in notebooks.items():
        up = "../" * page.count("/")
        for cell in notebook["cells"]:
            with_texts(cell, lambda text: relink(text, up, host, shown))
        paths[page].write_text(json.dumps(notebook), encoding="utf-8")
