"""Signatures as they stand in the source, on the chapters' pages and gathered on pages of reference, one for each wing.

Nothing is imported or run: a default that has a name in the source has it here, and a field has its comment with shape and unit.
"""

import ast, re

from nbdev.showdoc import showdoc_nm

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
WINGS = {
    "": "The paper",
    "bootstrap": "What makes it converge",
    "people": "The embedded people",
    "datasets": "Real data",
    "engine": "The engine",
}
TEXT = "Fields, parameters and returns of everything public, with shapes and units, straight from the source"


def rows(lines, node):
    "The lines of a node, with the comment at the end of its last one."
    return lines[node.lineno - 1 : node.end_lineno]


def header(lines, function):
    "A function's lines down to its body."
    first = function.body[0]
    start = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", []))])
    if start == function.lineno:
        return [lines[start - 1][: first.col_offset].rstrip()]
    found = lines[function.lineno - 1 : start - 1]
    while not found[-1].split("#")[0].strip():
        found.pop()
    return found


def said(node):
    return ast.get_docstring(node) or ""


def method(lines, function):
    "A method without its code."
    indent = " " * (function.col_offset + 4)
    first = said(function).split("\n")[0]
    body = '"""' + first + '"""' if '"' in first else f'"{first}"'
    decorators = [line for d in function.decorator_list for line in rows(lines, d)]
    return [*decorators, *header(lines, function), indent + (body if first else "...")]


def members(lines, node):
    "The public fields and methods of a class, and how it is made and called."
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and not statement.target.id.startswith("_"):
            yield rows(lines, statement)
        elif isinstance(statement, FUNCTIONS):
            if statement.name in ("__init__", "__call__") or not statement.name.startswith("_"):
                yield ["", *method(lines, statement)]


def signature(code, node):
    "A function's signature, or a class with its fields and the signatures of its methods, as the source has them."
    lines = code.splitlines()
    if isinstance(node, FUNCTIONS):
        return "\n".join(header(lines, node))
    decorators = [line for d in node.decorator_list for line in rows(lines, d)]
    end = min((d.lineno for d in getattr(node.body[0], "decorator_list", [])), default=node.body[0].lineno)
    inside = [line for member in members(lines, node) for line in member]
    if inside[:1] == [""]:
        inside.pop(0)
    return "\n".join([*decorators, *lines[node.lineno - 1 : end - 1], *(inside or ["    ..."])]).rstrip()


def prose(text):
    "A docstring as Markdown: what is neither code nor a formula means what it says."
    pieces = re.split(r"(`[^`]*`|\$[^$\n]+\$)", text)
    return "".join(p if p[:1] in "`$" else re.sub(r"([*_<>^~\\\[\]|])", r"\\\1", p) for p in pieces)


def public(code):
    "The functions and classes that a cell documents, with their names; methods of `@patch` are Class.method."
    for node in ast.parse(code).body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            yield showdoc_nm(node), node


def entry(name, code, node, label):
    "Heading, signature and docstring of one name, in Markdown."
    block = f"```python\n{signature(code, node)}\n```"
    return "\n\n".join([f"::: {{#signature-{label} .cell}}", f"### {name}", block, prose(said(node)), ":::"])


def page(title, modules):
    "A page of reference: the public names of some modules, each with a way to its chapter. `modules` holds (module, page, cells)."
    parts = [f"---\ntitle: {title}\ndescription: {TEXT}\n---"]
    for module, chapter, cells in modules:
        found = [(name, code, node) for code in cells for name, node in public(code)]
        parts += [f"## {module}\n\n[The chapter of this module](../{chapter})"] if found else []
        for name, code, node in found:
            parts.append(entry(name, code, node, name.replace(".", "-")))
            parts.append(f"[Code and example](../{chapter}#{name.lower()})")
    return "\n\n".join(parts) + "\n"


def write(folder, chapters):
    "The pages of reference; `chapters` holds (notebook's page, module, exported cells). Returns their part of the sidebar."
    folder.mkdir(parents=True, exist_ok=True)
    contents = []
    for wing in dict.fromkeys([*WINGS, *(chapter.rpartition("/")[0] for chapter, *_ in chapters)]):
        modules = [
            (module, chapter, cells) for chapter, module, cells in chapters if chapter.rpartition("/")[0] == wing
        ]
        name = f"{wing or 'paper'}.md"
        (folder / name).write_text(page(WINGS.get(wing, wing.capitalize()), modules), encoding="utf-8")
        contents.append(f"reference/{name}")
    return {"section": "Reference", "contents": contents}
