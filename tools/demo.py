"""`make demo`: train a small network from scratch on the embedded people, evaluate it, write a report.

The run goes to runs/demo. Interrupted, the same command goes on where it stopped; finished, it only writes the report again.
"""

import json
import sys
from pathlib import Path

import papermill
from nbconvert import HTMLExporter

from pgp_nb.engine.config import load_config
from pgp_nb.engine.files import write_text
from pgp_nb.engine.loading import load_data
from pgp_nb.engine.runs import baseline_of, train
from pgp_nb.evaluation import metrics_table
from pgp_nb.prediction import pretrained_names

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ["pa_mpjpe", "n_mpjpe", "pck_3d", "pck_2d", "facing_error", "f1_fg", "f1_parts"]


def report(preset: str, run: Path) -> Path:
    "Execute the training notebook over a finished run, and render it."
    notebook = run / "train.ipynb"
    papermill.execute_notebook(
        str(ROOT / "experiments/train.ipynb"),
        str(notebook),
        dict(preset=preset, run=str(run)),
        cwd=str(ROOT),
        progress_bar=False,
    )
    html = run / "report.html"
    write_text(html, HTMLExporter(exclude_input=True).from_filename(str(notebook))[0])
    return html


def main(preset: str = "demo") -> None:
    run = Path("runs") / preset
    cfg = load_config(preset)
    print("== people: rendered on first use, then read from the cache", flush=True)
    data = load_data(cfg)
    print("== training without a single annotation", flush=True)
    train(cfg, run, data)
    print("== baseline: the same encoder, fully supervised for as many steps", flush=True)
    train(baseline_of(cfg), run / "supervised", data)
    print("== report", flush=True)
    html = report(preset, run)
    metrics = json.loads((run / "metrics.json").read_text())
    rows = {
        "ours, no annotation": metrics,
        "mean pose": metrics["mean_pose"],
        "same encoder, fully supervised": metrics["supervised"],
    }
    rows |= {f"shipped weights {name!r}": metrics[f"shipped_{name}"] for name in pretrained_names()}
    print("\nHeld-out people (mm; shares):\n" + metrics_table(rows, COLUMNS))
    print(f"\nReport with pictures: {html.resolve()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
