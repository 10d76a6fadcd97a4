"Files of the kinds that people bring, each with its right value beside it: most need PGP_SAMPLES."

import io

import numpy as np
import pytest
from PIL import Image

from helpers import SAMPLES, needs_samples

from pgp_nb.datasets.mocap import _Quirks, read_clip
from pgp_nb.engine.images import read_image, to_rgb

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


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "ICO"])
def test_a_damaged_picture_gives_pixels_or_the_documented_error(tmp_path, kind):
    rng, path, whole, exif = np.random.default_rng(0), tmp_path / "picture", io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    picture = Image.fromarray(rng.integers(0, 256, (24, 20, 4), np.uint8))
    picture.convert("RGB" if kind in ("JPEG", "BMP") else "RGBA").save(whole, kind, exif=exif)
    for _ in range(100):
        data = bytearray(whole.getvalue())
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(data[: rng.choice([len(data), rng.integers(1, len(data))])])
        try:
            assert read_image(path).dtype == np.uint8
        except ValueError as e:
            assert str(e).startswith("picture cannot be read as an image")


@needs_samples("cases/bvh")
def test_motions_of_todays_tools_are_the_same_motion():
    right = np.load(MOTIONS / "true_joints.npy")
    files = sorted(MOTIONS.glob("*.bvh"))
    assert len(files) == 10
    for file in files:
        joints = read_clip(file, quirks=_Quirks(unit=10)).joints
        assert joints.shape == right.shape and np.abs(joints - right).max() < 0.01, file.name
