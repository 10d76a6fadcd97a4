"""The picture of the landing page, nbs/images/landing.jpg: a frame of a real film, its parts, its 3D pose, and the same person painted anew.

    python tools/landing.py

Everything in it comes from the shipped weights: the frame from experiments/film.webm, the other poses from rendered held-out people.
"""

from io import BytesIO
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from demo import FILM, boxes_of
from PIL import Image

from pgp_nb.conventions import draw_skeleton_2d, draw_skeleton_3d
from pgp_nb.datasets.human36m import video_frames
from pgp_nb.prediction import PGP
from pgp_nb.segmentation import color_labels
from pgp_nb.synthesis import _picture, film_reference, pose_transfer, view_synthesis

PICTURE = Path(__file__).resolve().parents[1] / "nbs/images/landing.jpg"
FRAME = 27  # of the film
PEOPLE, SEED = 10, 3  # rendered held-out people who lend their poses
TURN = 60.0  # degrees, of the last panel
WIDTH = 0.62  # of a panel, by its height
MOST = 60 * 1024  # bytes


def panels() -> dict:
    "What is shown, by its title: pictures (H,W,3) uint8 and one pose (17,3) mm."
    frames = np.stack([frame for _, frame in video_frames(FILM, range(0, 75, 3))])
    pgp = PGP.from_pretrained()
    found = pgp.predict_crops(frames, boxes_of(frames), film=True)
    i = FRAME // 3
    crop = (found.crops[[i]] * 255).round().byte().permute(0, 2, 3, 1).numpy()
    lenders = film_reference(PEOPLE, pgp.net.cfg.size, seed=SEED)
    poses = np.stack([lenders.source.image[0], lenders.pose.image[0]])
    moved = _picture(pose_transfer(pgp.net, crop, poses).image)
    turned = _picture(view_synthesis(pgp.net, crop, [TURN]).image)[0, 0]
    return {
        "a frame, its joints": (frames[i][:, 3:-3], nearer(found.squares[i].numpy()), found.points_2d[i]),
        "parts": (color_labels(found.parts[i]).numpy(), nearer(found.squares[i].numpy()), None),
        "pose in 3D": found.joints_3d[i].numpy(),
        "in another pose": (centred(moved[0]), None, None),
        "and another": (centred(moved[1]), None, None),
        "from another side": (centred(turned), None, None),
    }


def nearer(square: np.ndarray) -> np.ndarray:
    "A square (corner and side) cut to its middle."
    return np.array([*(square[:2] + 0.08 * square[2]), 0.84 * square[2]])


def centred(picture: np.ndarray) -> np.ndarray:
    "The painted person in the middle of the picture."
    beta = picture[0, 0].astype(int)
    columns = np.flatnonzero((np.abs(picture - beta).max(-1) > 24).any(0))
    return np.roll(picture, picture.shape[1] // 2 - (columns[0] + columns[-1]) // 2, 1)


def draw() -> plt.Figure:
    "All panels in a row, one height."
    shown = panels()
    figure = plt.figure(figsize=(len(shown) * WIDTH * 2.6, 2.85))
    for k, (title, what) in enumerate(shown.items()):
        place = (k / len(shown) + 0.004, 0.01, 1 / len(shown) - 0.008, 2.6 / 2.85 - 0.01)
        figure.text((k + 0.5) / len(shown), 0.895, title, ha="center", va="bottom", fontsize=9.5)
        if isinstance(what, np.ndarray):
            ax = figure.add_axes(place, projection="3d")
            draw_skeleton_3d(ax, what)
            ax.view_init(elev=12, azim=-60)
            ax.set_box_aspect((1, 1, 1), zoom=2.05)
            ax.axis("off")
            continue
        picture, square, points = what
        ax = figure.add_axes(place)
        ax.imshow(picture, interpolation="lanczos")
        x, y, side = (0, 0, picture.shape[0]) if square is None else square
        if points is not None:
            draw_skeleton_2d(ax, points - np.array([3, 0]))
        ax.set(xlim=(x + side * (0.5 - WIDTH / 2), x + side * (0.5 + WIDTH / 2)), ylim=(y + side, y))
        ax.set(xticks=[], yticks=[], facecolor=picture[3, 3] / 255)
        ax.spines[:].set_visible(False)
    return figure


def main() -> None:
    matplotlib.use("agg")
    drawn = BytesIO()
    draw().savefig(drawn, format="png", dpi=190, facecolor="white")
    picture = Image.open(drawn).convert("RGB")
    for quality in range(90, 40, -4):
        picture.save(PICTURE, quality=quality, optimize=True, progressive=True)
        if PICTURE.stat().st_size <= MOST:
            break
    print(
        f"{PICTURE.name}: {picture.size[0]} x {picture.size[1]} px, {PICTURE.stat().st_size / 1024:.0f} KB, quality {quality}"
    )


if __name__ == "__main__":
    main()
