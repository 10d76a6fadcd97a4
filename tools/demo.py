"""`make demo`: first the shipped weights on three seconds of film, then a small network trained from scratch, evaluated and reported.

The run goes to runs/demo. Interrupted, the same command goes on where it stopped; finished, it only writes the pages again.
"""

import json
import sys
import time
from pathlib import Path

import cv2
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import papermill
from nbconvert import HTMLExporter
from tqdm.auto import tqdm

from pgp_nb.conventions import draw_skeleton_2d, draw_skeleton_3d
from pgp_nb.datasets.human36m import video_frames
from pgp_nb.datasets.videos import moving_masks
from pgp_nb.engine.config import load_config
from pgp_nb.engine.files import write_text
from pgp_nb.engine.loading import load_data
from pgp_nb.engine.runs import train
from pgp_nb.evaluation import metrics_table
from pgp_nb.prediction import PGP, Prediction, pretrained_names
from pgp_nb.segmentation import color_labels

ROOT = Path(__file__).resolve().parents[1]
FILM = ROOT / "experiments/film.webm"
FRAMES, EVERY = 75, 3  # three seconds, of which every third frame is shown
COLUMNS = ["pa_mpjpe", "n_mpjpe", "pck_3d", "pck_2d", "facing_error", "f1_fg", "f1_parts"]
PAGE = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}}</style><body>{body}</body></html>"""


def boxes_of(frames: np.ndarray) -> list[tuple]:  # (x0,y0,x1,y1) px
    "Where somebody moves before a camera that stands still, frame by frame."
    boxes = []
    for mask in moving_masks(frames) > 0.5:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        boxes.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    return boxes


def draw_frame(figure, frame: np.ndarray, found: Prediction, i: int) -> np.ndarray:  # (H,W,3) uint8
    "The frame with its joints, its parts, the 3D pose from the camera's side."
    figure.clear()
    flat, parts, space = (figure.add_subplot(1, 3, k + 1, projection="3d" if k == 2 else None) for k in range(3))
    labels = color_labels(found.parts[i], (0, 0, 0)).numpy()
    dressed = np.where(labels.any(-1, keepdims=True), 0.35 * frame + 0.65 * labels, frame).astype(np.uint8)
    for axes, picture in ((flat, frame), (parts, dressed)):
        axes.imshow(picture)
        axes.axis("off")
    draw_skeleton_2d(flat, found.joints_2d[i])
    draw_skeleton_3d(space, found.joints_3d[i], frame="camera")
    space.set_box_aspect((1, 1, 1), zoom=1.8)
    space.axis("off")
    figure.subplots_adjust(0, 0, 1, 1, 0, 0)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def write_film(pictures: list[np.ndarray], path: Path, fps: float) -> None:
    "VP8 in WebM, which every browser plays."
    height, width = pictures[0].shape[:2]
    out = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"VP80"), fps, (width, height))
    for picture in pictures:
        out.write(np.ascontiguousarray(picture[..., ::-1]))
    out.release()


def film_part(folder: Path) -> str:  # HTML
    "What the shipped weights see in the film."
    frames = np.stack([frame for _, frame in video_frames(FILM, range(0, FRAMES, EVERY))])
    found = PGP.from_pretrained().predict_crops(frames, boxes_of(frames), film=True)
    figure = plt.figure(figsize=(7.2, 4.2), dpi=100)
    drawn = [draw_frame(figure, frame, found, i) for i, frame in enumerate(tqdm(frames, "drawing"))]
    plt.close(figure)
    write_film(drawn, folder / "film.webm", 25 / EVERY)
    still = np.concatenate(drawn[:: len(drawn) // 3][:3], 0)
    plt.imsave(folder / "film.jpg", still)
    return (
        "<h1>A film, seen by the shipped weights</h1><p>Joints, parts and 3D pose of every third frame, by a network that "
        "never saw an annotation or a real person.</p>"
        '<video src="film.webm" autoplay loop muted controls playsinline style="max-width:100%"></video>'
        '<p>Without a player: <a href="film.jpg">three of the frames</a>.</p>'
    )


def training_part(preset: str, run: Path) -> str:  # a whole HTML page
    "Execute the training notebook over a finished run, and render it."
    notebook = run / "train.ipynb"
    papermill.execute_notebook(
        str(ROOT / "experiments/train.ipynb"),
        str(notebook),
        dict(preset=preset, run=str(run), baseline=False),
        cwd=str(ROOT),
        progress_bar=False,
    )
    return HTMLExporter(exclude_input=True).from_filename(str(notebook))[0]


def main(preset: str = "demo") -> None:
    start, run = time.monotonic(), Path("runs") / preset
    run.mkdir(parents=True, exist_ok=True)
    matplotlib.use("agg")
    print("== the shipped weights on three seconds of film", flush=True)
    film = film_part(run)
    write_text(run / "film.html", PAGE.format(title="A film, seen by the shipped weights", body=film))
    print(f"   to look at meanwhile: {(run / 'film.html').resolve()}", flush=True)
    print("== people: rendered on first use, then read from the cache", flush=True)
    cfg = load_config(preset)
    data = load_data(cfg)
    print("== training without a single annotation", flush=True)
    train(cfg, run, data)
    print("== report", flush=True)
    page = run / "report.html"
    write_text(page, training_part(preset, run).replace("<main>", f"<main>{film}", 1))
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    rows = {"ours, no annotation": metrics, "mean pose": metrics["mean_pose"]}
    rows |= {f"shipped weights {name!r}": metrics[f"shipped_{name}"] for name in pretrained_names()}
    print("\nHeld-out people (mm; shares):\n" + metrics_table(rows, COLUMNS))
    print(f"\nAll of it with pictures: {page.resolve()} ({(time.monotonic() - start) / 60:.0f} minutes)")


if __name__ == "__main__":
    main(*sys.argv[1:])
