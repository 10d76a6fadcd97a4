"""The quick checks of the repository: the library is what the notebooks export, the rules of the house hold, the notebooks are clean and executed, the README is current.

    python tools/check.py [library] [house] [clean] [style] [types] [links] [executed] [readme]

Nothing in the working tree is written. Stops at the first step with a fault and says what to do.
"""

import ast, json, re, shutil, subprocess, sys, tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import house
from readme import join, readme

ROOT = Path(__file__).resolve().parent.parent
MAX_PICTURE = 60 * 1024
# Of pgp_nb, from no notebook: short names for what users want at once.
DOORS = ("__init__.py", "__main__.py", "prepare.py")
MACHINE_PATH = re.compile(r"(?<![\w.:/~-])/(?:home|root|tmp|work|Users)/[\w.-]+")
WITHOUT_SAMPLES = re.compile(r"PGP_SAMPLES (has no|names no|is not set)")
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{4,}")
DATA_URI = re.compile(r"data:image/[\w+.-]+;base64,([A-Za-z0-9+/=\s]+)")


def read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def chapters(root):
    return sorted(
        p
        for p in (Path(root) / "nbs").rglob("*.ipynb")
        if not any(part[0] in "._" for part in p.relative_to(root).parts)
    )


def notebooks(root):
    return chapters(root) + sorted((Path(root) / "experiments").glob("*.ipynb"))


def library(root):
    "The modules in pgp_nb/ against a fresh export of the notebooks, made in a temporary copy."
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / Path(root).name
        copy.mkdir()
        shutil.copy(Path(root) / "settings.ini", copy)
        shutil.copytree(Path(root) / "nbs", copy / "nbs", ignore=shutil.ignore_patterns(".*", "_*"))
        (copy / "pgp_nb").mkdir()
        for door in DOORS:
            shutil.copy(Path(root) / "pgp_nb" / door, copy / "pgp_nb")
        done = subprocess.run([Path(sys.executable).parent / "nbdev_export"], cwd=copy, capture_output=True, text=True)
        if done.returncode:
            return [f"nbdev_export failed: {done.stderr.strip()}"]
        return compare_modules(Path(root) / "pgp_nb", copy / "pgp_nb")


def compare_modules(committed, exported):
    "One line for each module that is missing, left over or different."

    def modules(folder):
        named = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*.py")}
        return {name: p.read_text(encoding="utf-8") for name, p in named.items() if name not in DOORS}

    old, new = modules(committed), modules(exported)
    faults = [f"pgp_nb/{name} comes from no notebook: delete it" for name in sorted(old.keys() - new.keys())]
    faults += [f"pgp_nb/{name} is missing: run nbdev_export" for name in sorted(new.keys() - old.keys())]
    return faults + [
        f"pgp_nb/{name} is not what its notebook exports: run nbdev_export"
        for name in sorted(old.keys() & new.keys())
        if old[name] != new[name]
    ]


def clean(root):
    "Each notebook against what `nbdev_clean` makes of it."
    from execnb.nbio import nb2str
    from nbdev.clean import clean_nb
    from nbdev.config import get_config

    cfg, faults = get_config(path=root), []
    for path in notebooks(root):
        notebook = read(path)
        clean_nb(
            notebook,
            allowed_metadata_keys=cfg.get("allowed_metadata_keys", "").split(),
            allowed_cell_metadata_keys=cfg.get("allowed_cell_metadata_keys", "").split(),
            clean_ids=cfg.clean_ids,
        )
        if nb2str(notebook) != path.read_text(encoding="utf-8"):
            faults.append(f"{name(path, root)} is not clean: run nbdev_clean --fname {name(path, root)}")
    return faults


def name(path, root):
    return Path(path).relative_to(root).as_posix()


def executed(root):
    "Every chapter with code shows its results, and no output gives away a machine or weighs too much."
    return [
        f"{name(path, root)}: {fault}"
        for path in notebooks(root)
        for fault in notebook_faults(read(path), must_run=path in chapters(root))
    ]


def notebook_faults(notebook, must_run=True):
    "What is wrong with the outputs of one notebook, in words."
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    faults = title_faults(notebook["cells"][0]) if must_run else []
    if must_run and any(prints(c) for c in code) and not any(c["outputs"] for c in code):
        return ["has no outputs: execute it"]
    for number, cell in enumerate(notebook["cells"]):
        if must_run and cell["cell_type"] == "code" and prints(cell) and not cell["outputs"]:
            faults.append(f"cell {number} prints but has no output: execute the notebook")
        if must_run and "#| fig-cap:" in join(cell["source"]) and not any(o.get("data") for o in cell["outputs"]):
            faults.append(f"cell {number} has a caption but no picture: execute the notebook with --pictures")
        if must_run and cell["cell_type"] == "code" and mixes_imports(cell):
            faults.append(
                f"cell {number} mixes an import with other code, which runs where only imports should: give the import a cell of its own"
            )
        for found in MACHINE_PATH.findall(join(cell["source"])):
            faults.append(f"cell {number} names the path {found}")
        for output in cell.get("outputs", []):
            faults += [f"cell {number} {fault}" for fault in output_faults(output)]
    return faults


def title_faults(cell):
    "nbdev turns the first cell into the page's title and subtitle and drops whatever else it holds."
    lines = [line for line in join(cell["source"]).splitlines() if line.strip()]
    if cell["cell_type"] != "markdown" or not lines or not lines[0].startswith("# "):
        return ["cell 0 is no title: begin with `# Title` and `> subtitle`"]
    return (
        ["cell 0 holds more than title and subtitle, which the site drops: move it to a cell of its own"]
        if len(lines) > 2 or any(line[0] not in "#>" for line in lines)
        else []
    )


def links(root):
    "Links of chapters and documents to files that are not there."
    texts = {
        path: [join(c["source"]) for c in read(path)["cells"] if c["cell_type"] == "markdown"]
        for path in notebooks(root)
    }
    texts |= {
        path: [path.read_text(encoding="utf-8")] for path in (Path(root) / "README.md", Path(root) / "CONTRIBUTING.md")
    }
    found = [
        (path, target)
        for path, some in texts.items()
        for text in some
        for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", text)
    ]
    inner = [(path, target) for path, target in found if not re.match(r"\w+:", target)]
    return [
        f"{name(path, root)} links to {target}, which is not there"
        for path, target in inner
        if not (path.parent / target).exists()
    ]


def flagged(cell, *flags):
    return re.search(rf"^#\|\s*({'|'.join(flags)})\b", join(cell["source"]), re.M)


def statements(cell):
    "The parsed statements of a code cell, magics left out."
    try:
        return ast.parse(re.sub(r"^\s*[%!].*$", "", join(cell["source"]), flags=re.M)).body
    except SyntaxError:
        return []


def mixes_imports(cell):
    "Whether a cell that is not exported imports and does more: nbdev runs each cell with an import for its documentation, and only those."
    if flagged(cell, "exports?", "exporti", r"eval:\s*false"):
        return False
    nodes = [node for statement in statements(cell) for node in ast.walk(statement)]
    return any(isinstance(n, (ast.Import, ast.ImportFrom)) for n in nodes) and any(
        isinstance(n, (ast.Expr, ast.Assign)) for n in nodes
    )


def prints(cell):
    "Whether a cell prints whenever it runs: a `print` at its top level, in a cell that no flag skips."
    if flagged(cell, "slow", "gpu", "widget", "notest", r"eval:\s*false"):
        return False
    body = statements(cell)
    return any(
        isinstance(s, ast.Expr) and isinstance(s.value, ast.Call) and getattr(s.value.func, "id", "") == "print"
        for s in body
    )


def output_faults(output):
    "Errors, machine paths, memory addresses, heavy pictures and what is left out without samples, in one output."
    if output["output_type"] == "error":
        return [f"ends in an error: {output['ename']}: {output['evalue']}"]
    data = output.get("data", {})
    texts = [join(output.get("text", ""))] + [
        join(v) for kind, v in data.items() if kind.startswith("text/") or kind == "image/svg+xml"
    ]
    faults = [
        f"has a picture of {size / 1024:.1f} KB, {MAX_PICTURE // 1024} are allowed"
        for size in picture_sizes(data)
        if size > MAX_PICTURE
    ]
    for text in (DATA_URI.sub("", t) for t in texts):
        faults += [f"shows the path {found}" for found in MACHINE_PATH.findall(text)]
        if ADDRESS.search(text):
            faults.append("shows a memory address")
        if WITHOUT_SAMPLES.search(text):
            faults.append("was executed without the samples of real data: set PGP_SAMPLES")
    return faults


def picture_sizes(data):
    "Bytes of every picture in an output, those inside HTML included."
    for kind, value in data.items():
        if kind == "image/svg+xml":
            yield len(join(value))
        elif kind.startswith("image/"):
            yield len(join(value)) * 3 // 4
        elif kind == "text/html":
            yield from (len(found) * 3 // 4 for found in DATA_URI.findall(join(value)))


def readme_current(root):
    "README.md against what nbs/index.ipynb makes of it."
    target = Path(root) / "README.md"
    current = target.exists() and target.read_text(encoding="utf-8") == readme(read(Path(root) / "nbs/index.ipynb"))
    return [] if current else ["README.md differs from nbs/index.ipynb: run make readme"]


def rules(root):
    "The rules of the house, with its numbers, and texts in no stated encoding."
    for what, value in house.numbers(root):
        print(f"   {what}: {value}")
    return house.faults(root) + encodings(root)


def style(root):
    "Format and lint of notebooks, tests and tools, as ruff.toml has them."
    faults = []
    for arguments in (
        ["check", "--output-format", "concise", "--quiet"],
        ["format", "--check", "--quiet", "--output-format", "concise"],
    ):
        command = [Path(sys.executable).parent / "ruff", *arguments, "nbs", "tests", "tools", "experiments"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        if done.returncode:
            faults += done.stdout.splitlines() + done.stderr.splitlines()
    return (faults and [*faults, "run ruff check --fix and ruff format, then nbdev_clean"]) + wide(root)


def wide(root):
    "Lines of the library beyond the columns that ruff.toml allows; ruff leaves strings and comments as they are."
    columns = int(re.search(r"line-length = (\d+)", (Path(root) / "ruff.toml").read_text(encoding="utf-8"))[1])
    return [
        f"{name(path, root)}:{number}: {len(line)} columns, {columns} are allowed"
        for path in sorted((Path(root) / "pgp_nb").rglob("*.py"))
        if path.name != "_modidx.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > columns and not line.startswith("__all__")
    ]


def types(root):
    "What mypy finds in the library, as pyproject.toml has it."
    done = subprocess.run(
        [Path(sys.executable).parent / "mypy", "--no-error-summary"], cwd=root, capture_output=True, text=True
    )
    return done.stdout.splitlines() + done.stderr.splitlines() if done.returncode else []


def encodings(root):
    "Text files that are read or written without `encoding=`: what they hold would depend on the machine's language."
    texts = {
        p: p.read_text(encoding="utf-8")
        for part in ("pgp_nb", "tests", "tools")
        for p in Path(root).glob(f"{part}/**/*.py")
    }
    trees = [(p, ast.parse(text)) for p, text in texts.items()]
    trees += [
        (p, s) for p in notebooks(root) for c in read(p)["cells"] if c["cell_type"] == "code" for s in statements(c)
    ]
    calls = [(p, n) for p, tree in trees for n in ast.walk(tree) if isinstance(n, ast.Call) and opens_text(n)]
    return [f"{name(p, root)}: {ast.unparse(call)[:80]} lacks encoding=" for p, call in calls]


def opens_text(call):
    "Whether a call reads or writes text (`read_text`, `write_text`, `open` other than in binary mode) in no stated encoding."
    method = isinstance(call.func, ast.Attribute)
    function = call.func.attr if method else getattr(call.func, "id", "")
    if any(keyword.arg == "encoding" for keyword in call.keywords):
        return False
    if function in ("read_text", "write_text"):
        return method and len(call.args) == (function == "write_text")
    modes = [k.value for k in call.keywords if k.arg == "mode"] + call.args[not method : (not method) + 1]
    mode = modes[0].value if modes and isinstance(modes[0], ast.Constant) else "" if modes else "r"
    return function == "open" and re.fullmatch("[rwaxt+]+", str(mode)) is not None


STEPS = {
    "library": ("the exported library equals the notebooks", library),
    "house": ("arrows point back; the house in numbers", rules),
    "clean": ("the notebooks are clean", clean),
    "style": ("notebooks, tests and tools are formatted and linted", style),
    "types": ("the library keeps to its types", types),
    "links": ("links lead somewhere", links),
    "executed": ("the notebooks are executed, their outputs small and free of machine names", executed),
    "readme": ("README.md is up to date", readme_current),
}


def main(names):
    unknown = [n for n in names if n not in STEPS]
    if unknown:
        sys.exit(f"check: no step {unknown[0]!r}; the steps are {', '.join(STEPS)}")
    for step in names or STEPS:
        title, function = STEPS[step]
        print(f"== Check: {title}", flush=True)
        faults = function(ROOT)
        for fault in faults:
            print(f"   {fault}")
        if faults:
            sys.exit(f"check: {len(faults)} faults in the step {step!r}")


if __name__ == "__main__":
    main(sys.argv[1:])
