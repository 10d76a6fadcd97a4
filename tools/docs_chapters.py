"""From the notebooks to the site's chapters: nbdev's processing, with every exported cell left where its author put it.

An exported cell stands under the signatures of what it defines: folded, or open where it is marked `#| exports`, the mark of
the functions that are the paper. A short cell without a signature (a constant, a private helper) is simply shown.
"""

import ast, json, re, shutil
from pathlib import Path

import docs_reference
from nbdev import serve_drv
from nbdev.process import Processor, mk_cell
from nbdev.processors import FilterDefaults
from nbdev.showdoc import showdoc_nm

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_proc"
REPORT = ROOT / "experiments/report.ipynb"
EXTRAS = ("LICENSE", "CITATION.cff", "CONTRIBUTING.md", "experiments/NOTES.md")
EXPORTED = {"export", "exports", "exporti"}
DOCUMENTED = re.compile(r"^#\|\s*exports?\b", re.M)
MODULE = re.compile(r"^#\|\s*default_exp\s+(\S+)", re.M)
LEFT_OUT = ("add_show_docs", "clean_show_doc", "exec_show_docs", "add_links", "add_fold")
TABLE = re.compile(r"(^\|.*\|\n\|[-:|]+\|\n(?:\|.*\|(?:\n|\Z))*)", re.M)
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


def imports(code):
    "Whether a cell does nothing but import."
    return all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.parse(code).body)


def fold_imports(cell):
    "Fold a cell that does nothing but import; what it is good for shows where the names are used."
    if (
        cell.cell_type == "code"
        and not re.search(r"^(#\| *code-fold|[%!])", cell.source, re.M)
        and imports(cell.source)
    ):
        cell.source = f'#| code-fold: true\n#| code-summary: "Imports"\n{cell.source}'


def tabular(output):
    "What a cell has shown, with the tables in Markdown that it printed as tables."
    if output["output_type"] != "stream":
        return [output]
    pieces = enumerate(TABLE.split("".join(output["text"])))  # text and tables in turn
    table = lambda text: {"output_type": "display_data", "metadata": {}, "data": {"text/markdown": text}}
    return [table(text) if number % 2 else {**output, "text": text} for number, text in pieces if text.strip()]


class show_source(Processor):
    "Each exported cell after the signatures of what it defines."

    def begin(self):
        ordered = []
        for cell in self.nb.cells:
            if (marks := cell.get("directives_", {}).keys() & EXPORTED) and "hide" not in cell.directives_:
                number, names = len(ordered), list(docs_reference.public(cell.source)) if marks != {"exporti"} else []
                texts = [
                    docs_reference.entry(name, cell.source, node, f"{number}-{i}")
                    for i, (name, node) in enumerate(names)
                ]
                ordered += [mk_cell(text, "markdown") for text in texts]
                cell = folded(cell, number, signed=bool(names))
            elif "hide" not in cell.directives_:
                fold_imports(cell)
            ordered.append(cell)
        self.nb.cells = ordered


def hide_setup(cell):
    "Take out what is hidden; exported cells stay, unlike in nbdev."
    if cell.directives_.keys() & {"hide", "default_exp"}:
        del cell["source"]


class Chapter(FilterDefaults):
    "nbdev's processors for documentation, except for those that take exported code away or run it."

    def procs(self):
        own = {"rm_export": hide_setup, "mv_exports": show_source}
        return [own.get(p.__name__, p) for p in super().procs() if p.__name__ not in LEFT_OUT]


def exported(notebook):
    "The module of a notebook, and the code of its cells that are part of the library and documented."
    cells = [source(c) for c in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    module = next((found[1] for found in map(MODULE.search, cells) if found), "")
    return module, [code for code in cells if DOCUMENTED.search(code)]


def process():
    "nbdev's own processing: front matter, hidden cells, magics. It reads no other configuration than settings.ini."
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.copytree(ROOT / "nbs", SITE, ignore=shutil.ignore_patterns("*.ipynb", ".*", "_*"))
    for notebook, page in pages().items():
        target = (SITE / page).with_suffix(".ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        serve_drv.main((notebook, target, Chapter))


def reference():
    "The pages of reference; returns their part of the sidebar."
    modules = [(page, *exported(notebook)) for notebook, page in pages().items()]
    return docs_reference.write(SITE / "reference", [m for m in modules if m[1]])


def anchor(written):
    "An anchor as the renderer makes it; Jupyter's have capitals and commas."
    return re.sub(r"[^\w.-]", "", written.lower())


def relink(text, up):
    "The links of a processed chapter as the site needs them. `up` leads to the site's root."
    text = unnumbered(text)
    text = re.sub(r"\]\(([\w./]*)#([^)\s]+)\)", lambda link: f"]({link[1]}#{anchor(link[2])})", text)
    for extra in (*EXTRAS, REPORT.relative_to(ROOT).as_posix()):
        text = text.replace(f"]({up}../{extra}", f"]({up}{extra}")
    return re.sub(r"^output-file: .*\n", "", text.replace("](../nbs/", "](../"), flags=re.M)


def link():
    "Links between chapters without their numbers, and printed tables as tables."
    for page in pages().values():
        path, up = (SITE / page).with_suffix(".ipynb"), "../" * page.count("/")
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] != "code":
                cell["source"] = relink(source(cell), up)
            if "outputs" in cell:
                cell["outputs"] = [shown for output in cell["outputs"] for shown in tabular(output)]
            for output in cell.get("outputs", []):
                if "text/markdown" in output.get("data", {}):
                    output["data"]["text/markdown"] = relink("".join(output["data"]["text/markdown"]), up)
        path.write_text(json.dumps(notebook), encoding="utf-8")
