"Files of the kinds that people bring, each with its right value beside it; they need PGP_SAMPLES."

import numpy as np
import pytest
from PIL import Image

from helpers import SAMPLES, needs_samples

from pgp_nb.datasets.mocap import _Quirks, read_clip
from pgp_nb.engine.images import to_rgb

IMAGES, MOTIONS = SAMPLES / "cases/img", SAMPLES / "cases/bvh"


@needs_samples("cases/img")
@pytest.mark.parametrize("name", ["exif6.jpg", "exif6.png", "cmyk.jpg", "gray16.png", "la.png", "palette.png"])
def test_a_picture_is_the_same_by_path_and_through_pillow(name):
    by_path, by_picture = to_rgb(IMAGES / name), to_rgb(Image.open(IMAGES / name))
    assert by_path.shape == (750, 564, 3) and np.abs(by_path.astype(int) - by_picture).max() <= 1
    assert np.abs(by_path.astype(int) - to_rgb(IMAGES / "base.jpg")).mean() < (1.2 if name[0] in "ce" else 15)


@needs_samples("cases/img")
def test_what_is_transparent_is_seen_on_white():
    right, file = to_rgb(IMAGES / "rgba_on_white.png"), IMAGES / "rgba_noise.png"
    for image in (file, Image.open(file), np.asarray(Image.open(file))):
        assert (to_rgb(image) == right).all()


@needs_samples("cases/bvh")
def test_motions_of_todays_tools_are_the_same_motion():
    right = np.load(MOTIONS / "true_joints.npy")
    files = sorted(MOTIONS.glob("*.bvh"))
    assert len(files) == 10
    for file in files:
        joints = read_clip(file, quirks=_Quirks(unit=10)).joints
        assert joints.shape == right.shape and np.abs(joints - right).max() < 0.01, file.name
