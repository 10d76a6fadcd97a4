"""Run chapters and keep what they show, with the pictures of `tools/pictures.py`.

    python tools/execute.py [--pictures] [--slow] nbs/03_camera.ipynb ...

With --pictures only the outputs that hold a picture are replaced; a widget's is a picture of how it begins. Cells that take long
keep theirs unless --slow is given.
"""

import os, re, subprocess, sys, time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
PRELUDE = (
    f"import sys; sys.path.insert(0, {str(ROOT / 'tools')!r}); import pictures; pictures.install(); del sys.path[0]"
)
KEPT = r"gpu|notest|eval:\s*false"
WIDGET = "skip-execution"  # the tag of cells whose last line makes a widget


def has_picture(outputs):
    return any(kind.startswith("image/") for output in outputs for kind in output.get("data", {}))


def still(client, number):
    "Show the picture of a cell's widget in its place."
    cells = client.nb.cells
    cell = cells[number]
    shown = nbformat.v4.new_code_cell(f"{cell.source}.figure()")
    client.execute_cell(shown, number)
    cell.outputs, cells[number] = shown.outputs, cell


def execute(path, slow=False, pictures=False):
    "Run a chapter in a kernel of its own, in its folder, and write it back."
    notebook = nbformat.read(path, 4)
    skipped = re.compile(rf"^#\|\s*({KEPT}{'' if slow else '|slow'})\b", re.M)
    options = {"timeout": 3600, "kernel_name": "python3", "resources": {"metadata": {"path": path.parent}}}
    prelude = f"--InteractiveShellApp.exec_lines={PRELUDE}"
    client = NotebookClient(notebook, extra_arguments=[prelude], **options)
    with client.setup_kernel():
        for number, cell in enumerate(notebook.cells):
            if pictures and WIDGET in cell.metadata.get("tags", []) and has_picture(cell.outputs):
                still(client, number)
            elif cell.cell_type == "code" and cell.source.strip() and not skipped.search(cell.source):
                before = cell.outputs
                client.execute_cell(cell, number)
                shows = has_picture(before) or "#| fig-cap:" in cell.source
                if pictures and not (shows and has_picture(cell.outputs)):
                    cell.outputs = before
    nbformat.write(notebook, path)
    subprocess.run([Path(sys.executable).parent / "nbdev_clean", "--fname", path], cwd=ROOT, check=True)


if __name__ == "__main__":
    flags, names = {a for a in sys.argv[1:] if a[:2] == "--"}, [a for a in sys.argv[1:] if a[:2] != "--"]
    if not names or flags - {"--slow", "--pictures"}:
        sys.exit(__doc__)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    for name in names:
        begun = time.time()
        execute(Path(name).resolve(), "--slow" in flags, "--pictures" in flags)
        print(f"{name}: {time.time() - begun:.0f} s", flush=True)
