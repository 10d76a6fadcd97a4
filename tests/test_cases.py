"Files of the kinds that people bring, each with its right value beside it; they need PGP_SAMPLES."

import numpy as np
import pytest
from PIL import Image

from helpers import SAMPLES, needs_samples

from pgp_nb.engine.images import to_rgb

IMAGES = SAMPLES / "cases/img"


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
