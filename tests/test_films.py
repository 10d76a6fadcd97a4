"Films whose headers say little, or something else than what decoding shows, and films that are to be turned or widened."

import struct

import cv2
import numpy as np
import pytest

from helpers import SAMPLES, needs_samples

from pgp_nb.datasets.films import Film
from pgp_nb.datasets.samples import prepare, read_samples
from pgp_nb.datasets.videos import Videos

FILMS = SAMPLES / "cases/video"


def written(path, n=40, size=(64, 48)):
    "A film of n frames at 25 a second, frame k as light as 20 + 5 k; the left half darker."
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, size)
    for k in range(n):
        frame = np.full((size[1], size[0], 3), 20 + 5 * k, np.uint8)
        frame[:, : size[0] // 2] //= 2
        writer.write(frame)
    writer.release()
    return path


def changed(data, way, edit):
    "An MP4 whose box at the end of a way has other content; boxes behind the pictures alone may grow."
    at = 0
    while data[at + 4 : at + 8] != way[0]:
        at += struct.unpack_from(">I", data, at)[0]
    length = struct.unpack_from(">I", data, at)[0]
    head = 16 if way[0] == b"stsd" else 8
    inner = data[at + head : at + length]
    inner = changed(inner, way[1:], edit) if way[1:] else edit(inner)
    box = struct.pack(">I", head + len(inner)) + data[at + 4 : at + head] + inner
    return data[:at] + box + data[at + length :]


TRACK = (b"moov", b"trak")
TABLE = (*TRACK, b"mdia", b"minf", b"stbl")


def turned(data):
    "Held on its side: a quarter turn clockwise makes it upright."
    quarter = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    return changed(data, (*TRACK, b"tkhd"), lambda inner: inner[:40] + quarter + inner[76:])


def widened(data, across, down):
    "Pixels that are oblong."
    pixels = struct.pack(">I4sII", 16, b"pasp", across, down)
    return changed(data, (*TABLE, b"stsd", b"mp4v"), lambda inner: inner + pixels)


def retimed(data, *runs):
    "Frames at other times: (how many, ticks apart)."
    times = struct.pack(">II", 0, len(runs)) + b"".join(struct.pack(">II", *run) for run in runs)
    return changed(data, (*TABLE, b"stts"), lambda inner: times)


def ticks(data):
    "From frame to frame, as written."
    found = []
    changed(data, (*TABLE, b"stts"), lambda inner: found.append(struct.unpack_from(">III", inner, 4)) or inner)
    return found[0][2]


def test_a_film_is_turned_and_widened_as_players_show_it(tmp_path):
    data = written(tmp_path / "plain.mp4").read_bytes()
    for name, made, size in (
        ("again.mp4", changed(data, (*TRACK, b"tkhd"), lambda inner: inner), (48, 64)),
        ("turned.mp4", turned(data), (64, 48)),
        ("wide.mp4", widened(data, 4, 3), (48, 85)),
        ("high.mp4", widened(data, 3, 4), (64, 64)),
        ("turned_wide.mp4", turned(widened(data, 4, 3)), (85, 48)),
        ("absurd.mp4", widened(data, 2**31, 1), (48, 64)),
    ):
        (tmp_path / name).write_bytes(made)
        frame = next(Film(tmp_path / name).frames([20]))
        assert frame.shape[:2] == size, name
        halves = np.array_split(frame.astype(float).mean(-1), 2, 0 if "turned" in name else 1)
        assert abs(halves[0].mean() - 60) < 8 and abs(halves[1].mean() - 120) < 8, name


def test_a_film_of_two_rates_is_looked_at_at_equal_times(tmp_path):
    data = written(tmp_path / "plain.mp4").read_bytes()
    step = ticks(data)
    (tmp_path / "two.mp4").write_bytes(retimed(data, (24, step // 4), (16, step * 2)))
    film = Film(tmp_path / "two.mp4")
    right = np.concatenate([np.arange(24) / 100, 0.24 + np.arange(16) / 12.5])
    assert not film.clock.steady
    np.testing.assert_allclose(film.clock.times, right, atol=1e-6)
    assert film.every(12.5) == [0, 8, 16, *range(24, 40)] and film.pace(12.5) == 12.5
    assert film.every(25.0) == [0, 4, 8, 12, 16, 20, *range(24, 40)]


def test_times_that_stand_still_are_no_times(tmp_path):
    (tmp_path / "still.mp4").write_bytes(retimed(written(tmp_path / "plain.mp4").read_bytes(), (40, 0)))
    film = Film(tmp_path / "still.mp4")
    assert len(film) == 40 and (np.diff(film.clock.times) > 0).all()
    assert len(list(film.frames(film.every(10.0)))) == len(film.every(10.0))


@needs_samples("cases/video", "videos")
def test_what_a_browser_recorded_gives_the_same_samples(tmp_path):
    (tmp_path / "films").mkdir()
    (tmp_path / "films/live.webm").symlink_to(FILMS / "live.webm")
    prepare(Videos(tmp_path / "films"), tmp_path / "live", size=64, progress=False)
    found = read_samples(tmp_path / "live").name
    sources = [int(name.split("/")[-1][:6]) for name in found]
    # as of the ordinary film of these frames, see datasets/videos.ipynb
    assert sources == [*range(0, 177, 8), 186, 194, 202]
    live, film = Film(FILMS / "live.webm"), Film(SAMPLES / "videos/vnect_test_video.mp4")
    assert len(live) == len(film) == 208 and live.clock.steady and live.every(10.0) == film.every(10.0)
    for a, b in zip(live.frames([0, 100, 207]), film.frames([0, 100, 207])):
        assert np.abs(a.astype(int) - b).mean() < 3


@needs_samples("cases/video")
@pytest.mark.parametrize("name, length, last", [("two.mp4", 1100, 68.2333), ("cfr.mp4", 900, 29.9966)])
def test_frame_n_is_the_nth_decoded_in_every_pass(name, length, last):
    film = Film(FILMS / name)
    number = lambda frame: sum(1 << b for b in range(12) if frame[120, 30 + 22 * b].mean() > 128)
    assert len(film) == length and abs(film.clock.times[-1] - last) < 1e-3
    for numbers in (range(0, length, 7), range(323, 646, 2), range(700, length + 9, 3), [length - 1]):
        assert [number(frame) for frame in film.frames(numbers)] == [n for n in numbers if n < length]
