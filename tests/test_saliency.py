"""Saliency and static backgrounds beyond the chapter: arbitrary images, what is missing, the sample videos."""

import time
import cv2, numpy as np
from hypothesis import given, settings, strategies as st
from helpers import SAMPLES, needs_samples
from pgp_nb.datasets.saliency import _f_measure, background_difference, saliency, saliency_scores, static_background


@settings(max_examples=12, deadline=None)
@given(st.integers(16, 70), st.integers(16, 70), st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_any_image_has_a_saliency(height, width, seed, grain):
    rng = np.random.default_rng(seed)
    image = cv2.resize(
        rng.integers(0, 256, (-(-height // grain), -(-width // grain), 3), dtype=np.uint8),
        (width, height),
        interpolation=cv2.INTER_NEAREST,
    )
    found = saliency(image)
    assert found.shape == (height, width) and found.dtype == np.float32
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1


def test_extremes():
    for image in (np.zeros((40, 40, 3), np.uint8), np.full((20, 400, 3), 255, np.uint8)):
        assert not saliency(image).any()
    half = np.zeros((60, 60, 3), np.uint8)
    half[:, 30:] = 255
    assert np.isfinite(saliency(half)).all()


def test_a_spot_is_found_wherever_it_is_and_whatever_its_colour():
    for x, y, color in ((20, 30, (250, 40, 40)), (60, 50, (20, 160, 60)), (45, 25, (10, 10, 10))):
        image = np.full((100, 110, 3), (150, 160, 190), np.uint8)
        image = (image + np.random.default_rng(0).normal(0, 3, image.shape)).clip(0, 255).astype(np.uint8)
        mask = np.zeros((100, 110), bool)
        mask[y : y + 28, x : x + 24] = True
        image[mask] = color
        assert saliency_scores([saliency(image)], [mask])["max_f"] > 0.9


def test_224_px_take_less_than_three_tenths_of_a_second():
    image = cv2.resize(
        np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8), (224, 224), interpolation=cv2.INTER_CUBIC
    )
    saliency(image)
    start = time.process_time()
    for _ in range(3):
        saliency(image)
    assert (time.process_time() - start) / 3 < 0.3


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_background_does_not_depend_on_the_order_of_the_frames(n, seed):
    rng = np.random.default_rng(seed)
    frames, hidden = rng.integers(0, 256, (n, 9, 7, 3), dtype=np.uint8), rng.random((n, 9, 7)) < 0.3
    hidden[0] = False
    order = rng.permutation(n)
    assert (static_background(frames, hidden) == static_background(frames[order], hidden[order])).all()
    odd = frames if n % 2 else frames[1:] if n > 1 else frames
    if len(odd) % 2:
        assert (static_background(odd) == np.median(odd, 0)).all()
    assert not background_difference(frames[:1], frames[0]).any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_f_measure_is_between_nothing_and_perfect(seed, threshold):
    rng = np.random.default_rng(seed)
    s, m = rng.random((6, 6)), rng.random((6, 6)) < 0.5
    m[0, 0] = True
    assert 0 <= _f_measure(s, m, threshold) <= 1 and _f_measure(m.astype(float), m, 0.5) == 1


@needs_samples("videos")
def test_people_of_the_second_sample_video_stand_out_from_its_median():
    video, frames = cv2.VideoCapture(str(SAMPLES / "videos/sports2d_demo.mp4")), []
    while (read := video.read())[0]:
        frames.append(cv2.resize(read[1], (320, 180), interpolation=cv2.INTER_AREA)[..., ::-1])
    frames = np.stack(frames[::6])
    found = background_difference(frames, static_background(frames))
    assert np.median(found.mean((1, 2))) < 0.05  # two small people in a large picture
    walker = found[15, 85:175, 150:220]  # the woman on the lawn in frame 90
    assert walker.mean() > 0.06 > 5 * found[15, 140:, :100].mean()
