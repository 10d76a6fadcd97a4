"""Samples and prepared folders: any content survives a round trip, and damage is found.

Interruptions and the number of processes change nothing.
"""

import os, signal

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from helpers import interruptible, wait_for_files
from pgp_nb.datasets import samples as S
from pgp_nb.engine.data import TrainData, draw_batch, place_data
from pgp_nb.people.people import EmbeddedPeople

SIZE, PAIRS = 32, 48
LOADER = EmbeddedPeople("val", PAIRS)


def prepared(folder, workers=1):
    return S.prepare(LOADER, folder, SIZE, jobs_per_shard=2, workers=workers, progress=False)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    "A folder made without disturbance by one process, and its manifest."
    folder = tmp_path_factory.mktemp("reference")
    return folder, prepared(folder)


def random_sample(seed, size=16):
    "A sample of noise; each joint, camera and pixel label is unknown with some probability."
    rng = np.random.default_rng(seed)
    gone = lambda x, axes: np.where(rng.random(x.shape[: x.ndim - axes] + (1,) * axes) < 0.3, np.nan, x).astype(
        np.float32
    )
    rotation = np.linalg.qr(rng.normal(size=(2, 3, 3)))[0]
    parts = np.where(rng.random((2, size, size)) < 0.2, S.UNKNOWN, rng.integers(0, 11, (2, size, size))).astype(
        np.uint8
    )
    return S.Sample(
        rng.integers(0, 256, (2, size, size, 3), np.uint8),
        rng.integers(0, 256, (2, size, size), np.uint8),
        parts,
        gone(rng.normal(0, 1e4, (2, 17, 3)), 1),
        gone(rng.normal(0, 100, (2, 17, 2)), 1),
        gone(rotation, 2),
        gone(rng.normal(0, 1e4, (2, 3)), 1),
        gone(rng.normal(0, 1e3, (2, 3, 3)), 2),
        f"noise/ü {seed}",
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 1000), max_size=4), st.integers(16, 33))
def test_a_shard_gives_back_what_went_in(seeds, size):
    samples = [random_sample(seed, size) for seed in seeds]
    back = S._unpack_samples(S._pack_samples(samples, size, {}), size)
    assert back.name.tolist() == [s.name for s in samples] and back.images.shape == (len(seeds), 2, size, size, 3)
    for i, s in enumerate(samples):
        for k in ("saliency", "parts", "joints_3d", "joints_2d", "rotation", "translation", "intrinsics"):
            np.testing.assert_array_equal(getattr(back, k)[i], getattr(s, k))


def test_a_map_of_zeros_says_that_saliency_is_unknown(tmp_path):
    "In folders of before as well, and through a crop and a batch."
    dark = [random_sample(i, 32) for i in range(4)]
    for i, side in ((0, 0), (2, slice(None))):
        dark[i].saliency[side] = 0
    S.write_samples(dark, tmp_path / "some", {}, progress=False)
    known = [[False, True], [True, True], [False, False], [True, True]]
    samples = S.read_samples(tmp_path / "some")
    assert samples.known_saliency.tolist() == known
    pairs = S.training_arrays(samples)
    data = place_data(TrainData(pairs["images"], pairs["saliency"], torch.zeros(1, 17, 3)), torch.device("cpu"))
    g = torch.Generator().manual_seed(0)
    batch = draw_batch(data, 64, g)
    maps, frames = (torch.cat(x) for x in ((batch.sal_s, batch.sal_t), (batch.source, batch.target)))
    unknown = maps.isnan().flatten(1)
    assert torch.equal(unknown.any(1), unknown.all(1)) and 0.2 < unknown.float().mean() < 0.6
    of = {tuple(x.flatten()[:8].tolist()): k for x, k in zip(pairs["images"].flatten(0, 1), sum(known, []))}
    assert all(of[tuple((255 * x).round().byte().flatten()[:8].tolist())] != u for x, u in zip(frames, unknown.any(1)))
    frame = S.crop_frame(dark[0].images[0], (4, 4, 20, 20), 16)
    assert not S.stack_samples([S.pair_of(frame, frame, "no map")]).known_saliency.any()
    assert place_data(data._replace(saliency=0 * data.saliency), torch.device("cpu")).saliency is None


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_shard_is_refused_or_read_never_more(data):
    "Whatever is cut or changed: the samples, or the documented error. The checksum of the manifest finds the rest."
    whole = S._pack_samples([random_sample(1)], 16, {})
    raw = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert len(S._unpack_samples(bytes(raw), 16).name) <= 1
    except ValueError as e:
        assert "not a whole shard of 16 px samples" in str(e)


@settings(max_examples=50, deadline=None)
@given(
    st.floats(-300, 300),
    st.floats(-300, 300),
    st.floats(20, 900),
    st.integers(16, 256),
    st.tuples(st.floats(-900, 900), st.floats(-900, 900), st.floats(1500, 9000)),
    st.sampled_from([None, (-0.2, 0.24, -0.0014, -0.001, -0.003)]),
)
def test_virtual_cameras_see_the_turned_points_where_the_frame_had_them(x, y, side, size, point, lens):
    k, point = np.array([[1145.0, 0, 512], [0, 1143, 515], [0, 0, 1]]), np.array(point)
    view = S._view_of((x, y, x + side, y + side), size, 0.1, k, lens)
    turned = view.intrinsics @ view.turn @ point
    seen = view.points(S._through_lens(point[None], k, view.lens))[0]
    if turned[2] > 500:
        assert np.allclose(seen, turned[:2] / turned[2], atol=1e-2 + 1e-3 * abs(seen).max())
    middle = view.points(np.array([[x + side / 2, y + side / 2]]))
    assert np.allclose(middle, size / 2, atol=1e-2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.5, 40))
def test_a_crop_of_any_box_holds_the_box(seed, width):
    rng = np.random.default_rng(seed)
    image, centre = rng.integers(0, 256, (50, 60, 3), np.uint8), rng.uniform(5, 45, 2)
    box = (*(centre - width / 2 - 1), *(centre + width / 2 + 1))
    corners = np.array([[box[0], box[1]], [box[2], box[3]]])
    q = np.concatenate([corners, np.full((15, 2), np.nan)])
    frame = S.crop_frame(image, box, 32, joints_2d=q)
    assert (
        (frame.joints_2d[:2] >= 0).all() and (frame.joints_2d[:2] <= 32).all() and np.isnan(frame.joints_2d[2:]).all()
    )
    assert np.allclose(frame.joints_2d[:2].mean(0), 16, atol=1e-3)


@settings(max_examples=8, deadline=None)
@given(n=st.integers(1, PAIRS))
def test_some_samples_are_spread_evenly_over_the_folder(reference, n):
    "Not the first ones: those show one recording. Each is the sample that reading everything gives."
    every, some = S.read_samples(reference[0]), S.read_samples(reference[0], n)
    at = [every.name.tolist().index(name) for name in some.name]
    assert at[0] == 0 and len(at) == n and set(np.diff([*at, PAIRS])) <= {PAIRS // n, PAIRS // n + 1}
    for k in ("images", "parts", "joints_3d"):
        np.testing.assert_array_equal(getattr(some, k), getattr(every, k)[at])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_manifest_is_refused_or_read_never_more(reference, tmp_path_factory, data):
    "Whatever is cut or changed: the manifest, or the documented error."
    whole, folder = (reference[0] / S._MANIFEST).read_bytes(), tmp_path_factory.mktemp("damaged")
    raw = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(32, 126))
    (folder / S._MANIFEST).write_bytes(raw)
    try:
        S.read_manifest(folder)
    except ValueError as e:
        assert S._MANIFEST in str(e)


def test_number_of_processes_changes_nothing(reference, tmp_path):
    assert prepared(tmp_path, workers=2) == reference[1]
    for entry in reference[1]["shards"]:
        assert (tmp_path / entry["file"]).read_bytes() == (reference[0] / entry["file"]).read_bytes()


def test_a_settings_change_makes_the_shards_again(reference, tmp_path):
    "Without a manifest, as after an interruption, shards of other settings must not be taken over."
    S.prepare(EmbeddedPeople("val", PAIRS, seed=1), tmp_path, SIZE, jobs_per_shard=2, progress=False)
    (tmp_path / S._MANIFEST).unlink()
    assert prepared(tmp_path) == reference[1]


@pytest.mark.parametrize("how,workers", [(signal.SIGINT, 2), (signal.SIGKILL, 1)])
def test_interrupted_it_goes_on_and_gives_the_same(reference, tmp_path, how, workers):
    asked = f"people --split val --pairs {PAIRS} --size {SIZE} --out {tmp_path}"
    fine = f"--workers {workers} --jobs-per-shard 2 --quiet"
    child = interruptible("-m", "pgp_nb.datasets.prepare", *asked.split(), *fine.split())
    wait_for_files(lambda: list(tmp_path.glob("0*.npz")), child)
    os.killpg(child.pid, how)
    said = child.communicate(timeout=60)[1].decode()
    if how == signal.SIGINT:
        assert child.returncode == 130 and "goes on from here" in said and "Traceback" not in said
    before = {p: p.stat().st_mtime_ns for p in tmp_path.glob("0*.npz")}
    assert 0 < len(before) < PAIRS // 2 and not (tmp_path / S._MANIFEST).exists()
    assert prepared(tmp_path) == reference[1]
    assert all(p.stat().st_mtime_ns == t for p, t in before.items()), "finished shards were made again"


def test_a_full_disk_leaves_what_was_there(reference, tmp_path, monkeypatch):
    def full(path, write):
        raise OSError(28, "could not write: free some disk space")

    monkeypatch.setattr(S, "write_atomically", full)
    with pytest.raises(OSError, match="free some disk space"):
        prepared(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_bad_loader_is_named(tmp_path):
    "A loader that breaks the rules is a mistake in the program: it is raised, not skipped."

    class Wrong(EmbeddedPeople):
        def make(self, job, size):
            return [random_sample(0)._replace(saliency=np.zeros((2, 3, 3), np.uint8))]

    with pytest.raises(ValueError, match="noise/ü 0.*saliency has shape"):
        S.prepare(Wrong("val", 1), tmp_path, 16, progress=False)


def test_damaged_shards_are_announced_and_made_again(reference, tmp_path):
    "With or without a manifest, whole ones stay."
    prepared(tmp_path)
    for manifest in (True, False):
        path = tmp_path / "00001.npz"
        whole, before = path.read_bytes(), {p: p.stat().st_mtime_ns for p in tmp_path.glob("0*.npz") if p != path}
        path.write_bytes(whole[:-10])
        if not manifest:
            (tmp_path / S._MANIFEST).unlink()
        with pytest.warns(UserWarning, match="00001.npz is damaged.*made again") as said:
            assert prepared(tmp_path) == reference[1]
        assert len(said) == 1 and path.read_bytes() == whole
        assert all(p.stat().st_mtime_ns == t for p, t in before.items())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_shard_that_counts_as_whole_holds_what_was_written(tmp_path_factory, data):
    "Whatever is cut or changed: damage is found, or it touches no sample."
    samples = [random_sample(i) for i in range(2)]
    whole = S._pack_samples(samples, 16, {"key": "k", "skips": []})
    raw = bytearray(whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole)
    for _ in range(data.draw(st.integers(0, 4))):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "00000.npz"
    path.write_bytes(raw)
    try:
        entry = S._whole_shard(path, "k")
    except ValueError as e:
        assert "is damaged" in str(e)
        return
    assert entry["number"] == 2
    back, true = S._unpack_samples(bytes(raw), 16), S._unpack_samples(whole, 16)
    for k in S.Sample._fields:
        np.testing.assert_array_equal(getattr(back, k), getattr(true, k))
