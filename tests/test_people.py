"The embedded data set: interruption, damage, full disks, process counts, real motion capture."

import errno, multiprocessing, os, signal, subprocess, sys, threading, time, warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
import numpy as np
import pytest
import torch
from helpers import SAMPLES, interruptible, needs_samples, python, wait_for_files
from pgp_nb.people import people as P
from pgp_nb.camera import project
from pgp_nb.conventions import BACKGROUND, joint_index
from pgp_nb.datasets.samples import read_manifest, read_samples
from pgp_nb.people.motions import canonical_directions, plausible

ARRAYS = ("images", "masks", "saliency", "parts", "joints_3d", "joints_2d", "bodies")
SIZE, SHARDS = 32, 4
N = SHARDS * P._PAIRS_PER_SHARD


def load(root, n=N, workers=1, **kw):
    return P.load_people("train", n=n, size=SIZE, root=root, progress=False, workers=workers, **kw)


def program(root, n, workers):
    "What a process of its own runs to make people."
    return (
        "from pgp_nb.people.people import load_people\n"
        f"load_people('train', n={n}, size={SIZE}, root={str(root)!r}, progress=False, workers={workers})\n"
    )


def same(a, b):
    return all(np.array_equal(getattr(a, k), getattr(b, k)) for k in ARRAYS)


def shards(root):
    return sorted(Path(root).rglob("[0-9]*.npz"))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    "One data set made without disturbance by one process: (People, folder)."
    root = tmp_path_factory.mktemp("reference")
    return load(root), root


def test_number_of_processes_changes_nothing(reference, tmp_path):
    assert same(reference[0], load(tmp_path, workers=2))
    for a, b in zip(shards(reference[1]), shards(tmp_path)):
        assert a.read_bytes() == b.read_bytes()


def test_fewer_pairs_are_the_first_ones(reference):
    people, root = reference
    part = load(root, n=5)
    assert len(part) == 5 and all(np.array_equal(getattr(part, k), getattr(people, k)[:5]) for k in ARRAYS)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_half_way_it_goes_on_and_gives_the_same(reference, tmp_path, how):
    child = interruptible("-c", program(tmp_path, 3 * N, workers=2))
    wait_for_files(lambda: shards(tmp_path), child)
    os.killpg(child.pid, how)
    errors = child.communicate(timeout=60)[1].decode()
    assert errors.count("Traceback") <= 1, f"workers complain: {errors}"
    before = {p: p.stat().st_mtime_ns for p in shards(tmp_path)}
    assert 0 < len(before) < 3 * SHARDS
    again = load(tmp_path, n=3 * N)
    assert len(again) == 3 * N and same(reference[0], again[:N]) and len(shards(tmp_path)) == 3 * SHARDS
    assert all(p.stat().st_mtime_ns == t for p, t in before.items()), "finished shards were made again"


@pytest.mark.parametrize(
    "damage",
    [lambda raw: raw[: len(raw) // 2], lambda raw: b"", lambda raw: raw[:300] + bytes([raw[300] ^ 1]) + raw[301:]],
)
def test_damaged_shard_is_announced_and_made_again(reference, damage):
    people, root = reference
    path = shards(root)[1]
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    with pytest.warns(UserWarning, match=rf"{path.name} is damaged.*made again"):
        again = load(root)
    assert same(people, again) and path.read_bytes() == whole
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(root)


def test_full_disk_names_the_file_and_keeps_what_was_written(reference, tmp_path, monkeypatch):
    write, calls = Path.write_bytes, []

    def full_after_two(path, data):
        calls.append(path)
        if len(calls) <= 2:
            return write(path, data)
        write(path, data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_after_two)
    with pytest.raises(OSError, match=r"00002\.npz .*No space left on device.*PGP_DATA.*kept") as e:
        load(tmp_path)
    assert e.value.errno == errno.ENOSPC
    files = [p.name for p in tmp_path.rglob("*") if p.is_file()]
    assert sorted(files) == ["00000.npz", "00001.npz"]
    monkeypatch.undo()
    assert same(reference[0], load(tmp_path))


def asked(code=None, **kw):
    return P._CachedPeople("train", 2 * P._PAIRS_PER_SHARD, 0, code=code or P._fingerprint(), **kw)


def test_error_in_a_worker_process_arrives_here(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OSError, match=r"0000.\.npz .*belongs into the cache"):
        P._fill_cache(asked(), tmp_path / "file", SIZE, 2, False)
    with pytest.raises(RuntimeError, match="pair .*: ValueError: .*broadcast"):
        P._fill_cache(asked(filming=P.Filming(fill=(0.5, 0.6, 7))), tmp_path / "bad", SIZE, 2, False)
    with pytest.raises(RuntimeError, match="pgp_nb was changed.*call again"):
        P._fill_cache(asked("older"), tmp_path / "older", SIZE, 2, False)
    assert not shards(tmp_path)


def test_dead_worker_says_what_to_do(tmp_path):
    done = threading.Event()

    def doom():
        while not done.is_set():
            for worker in multiprocessing.active_children():
                worker.kill()
            time.sleep(0.01)

    killer = threading.Thread(target=doom)
    killer.start()
    try:
        with pytest.raises(RuntimeError, match="worker process died.*call again"):
            load(tmp_path, workers=2)
    finally:
        done.set()
        killer.join()
    assert len(load(tmp_path, n=2)) == 2


def test_worker_that_dies_while_others_start_says_the_same(tmp_path, monkeypatch):
    "Python closes the queue of a broken pool, and the next worker to start finds a closed handle."

    def submit(*_):
        raise OSError("handle is closed")

    monkeypatch.setattr(ProcessPoolExecutor, "submit", submit)
    with pytest.raises(RuntimeError, match="worker process died.*call again"):
        load(tmp_path, workers=2)


def test_scripts_need_no_guard(reference, tmp_path):
    "Worker processes do not run the script again."
    (tmp_path / "script.py").write_text("print('once')\n" + program(tmp_path, N, workers=2), encoding="utf-8")
    done = python(tmp_path / "script.py", timeout=120)
    assert done.returncode == 0 and done.stdout == "once\n", done.stderr
    assert same(reference[0], load(tmp_path))


def test_workers_end_when_their_parent_is_killed(tmp_path):
    code = program(tmp_path, 50 * N, workers=2)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    while not shards(tmp_path) and child.poll() is None:
        time.sleep(0.02)
    child.kill()
    child.communicate(timeout=20)  # its output ends when the last process that inherited it does
    assert child.returncode == -signal.SIGKILL and len(shards(tmp_path)) < 50 * SHARDS


def test_more_pairs_reuse_whole_shards_and_fewer_read_only_what_they_need(tmp_path):
    load(tmp_path, n=20)
    before = {p: p.stat().st_mtime_ns for p in shards(tmp_path)}
    load(tmp_path, n=33)
    assert len(before) == 2 and len(shards(tmp_path)) == 3 and all(p.stat().st_mtime_ns == t for p, t in before.items())
    shards(tmp_path)[2].write_bytes(b"no longer a shard")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load(tmp_path, n=32)) == 32
    manifest = read_manifest(shards(tmp_path)[0].parent)
    assert manifest["number"] == 48, "a smaller request forgets what is there"


def test_the_cache_is_a_prepared_folder(reference):
    people, root = reference
    samples = read_samples(shards(root)[0].parent)
    for k in ("images", "parts", "joints_3d", "joints_2d"):
        assert np.array_equal(getattr(samples, k), getattr(people, k))
    assert np.array_equal(samples.saliency, people.masks * np.uint8(255))


def test_two_processes_may_fill_one_cache(reference, tmp_path):
    codes = [program(tmp_path, n, workers=1) for n in (N, 20)]
    children = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for code in codes]
    for child in children:
        assert not child.communicate(timeout=120)[1] and child.returncode == 0
    assert same(reference[0], load(tmp_path))


def test_bad_requests(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    for bad, error, says in (
        (dict(split="dev"), ValueError, "choose one of train, val, test"),
        (dict(n=0), ValueError, "at least 1"),
        (dict(size=(64, 64)), ValueError, "side of the square"),
        (dict(saliency_quality=7), ValueError, "between 0 and 1"),
        (dict(root=tmp_path / "file"), NotADirectoryError, "must be a folder"),
    ):
        with pytest.raises(error, match=says):
            P.load_people(**dict(split="train", n=1, size=16, root=tmp_path, progress=False, workers=1) | bad)
    with pytest.raises(TypeError, match="people.pair"):
        load(tmp_path, n=1)[0]


def test_old_temporary_files_are_swept(reference):
    folder = shards(reference[1])[0].parent
    old, new = folder / ".00009.1.tmp.npz", folder / ".00009.2.tmp.npz"
    for p in (old, new):
        p.write_text("half", encoding="utf-8")
    os.utime(old, (0, 0))
    load(reference[1])
    assert not old.exists() and new.exists()
    new.unlink()


def test_a_complete_cache_is_read_where_one_may_not_write(reference, monkeypatch):
    "Neither a stranger's old leftover nor a missing manifest is a reason to fail."
    folder = shards(reference[1])[0].parent
    foreign, manifest = folder / ".00001.4711.tmp.shard", folder / "manifest.json"
    foreign.write_text("half", encoding="utf-8")
    os.utime(foreign, (0, 0))
    whole = manifest.read_bytes()
    manifest.unlink()

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as m:
        for method in ("unlink", "touch", "chmod", "write_bytes", "write_text"):
            m.setattr(Path, method, refuse)
        assert same(reference[0], load(reference[1]))
    assert foreign.exists() and not manifest.exists()
    foreign.unlink()
    manifest.write_bytes(whole)


def test_splits_and_seeds_differ(reference, tmp_path):
    people = reference[0]
    test = P.load_people("test", n=16, size=SIZE, root=tmp_path, progress=False, workers=1)
    assert not set(people.bodies) & set(test.bodies) and not set(P.bodies_of("val")) & set(people.bodies)
    assert not any(np.array_equal(people.images[i], test.images[i]) for i in range(16))
    assert not np.array_equal(people.images[:16], load(tmp_path, n=16, seed=1).images)


def test_truth_fits_the_pictures(reference):
    people = reference[0]
    q = people.joints_2d
    assert np.allclose(project(torch.as_tensor(people.joints_3d), SIZE).numpy(), q, atol=0.01)
    assert (q > 0).all() and (q < SIZE).all()
    assert (people.masks == (people.parts != BACKGROUND)).all()
    assert people.masks[:, :, 0].mean() + people.masks[:, :, -1].mean() < 0.01, "people are cut off"
    x, y = np.floor(q).astype(int).transpose(3, 0, 1, 2)
    i, t = np.ogrid[: len(q), :2]
    near = np.stack(
        [
            people.masks[i[..., None], t[..., None], np.clip(y + dy, 0, SIZE - 1), np.clip(x + dx, 0, SIZE - 1)]
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        ]
    ).any(0)
    assert near.mean() > 0.97, "joints lie beside the person"
    assert P.displacement(q[:, 0], q[:, 1]).mean() > 1


def test_frames_of_a_pair_have_different_backgrounds(reference):
    both = ~reference[0].masks.any(1)
    a, b = reference[0].images[:, 0].astype(int), reference[0].images[:, 1].astype(int)
    change = np.array([np.abs(x - y)[m].mean() for x, y, m in zip(a, b, both)])
    assert change.min() > 2, "a background stood still"


def test_saliency_quality_needs_no_new_pictures(reference):
    people, root = reference
    times = [p.stat().st_mtime_ns for p in shards(root)]
    perfect = load(root, saliency_quality=1)
    assert (perfect.saliency == perfect.masks * np.uint8(255)).all() and (perfect.images == people.images).all()
    assert [p.stat().st_mtime_ns for p in shards(root)] == times
    overlap = ((people.saliency > 127) & people.masks).sum() / ((people.saliency > 127) | people.masks).sum()
    assert 0.5 < overlap < 0.95


def test_poses_of_sport_are_possible_and_go_beyond_the_prior(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[1] / "tools")
    from wide_poses import wide_poses

    everyday, wide = wide_poses(200, 0.01, 0), wide_poses(200, 0.99, 0)
    assert (wide == wide_poses(200, 0.99, 0)).all() and (wide != wide_poses(200, 0.99, 1)).any()
    assert wide.shape == (200, 17, 3) and not wide[:, 0].any() and np.isfinite(wide).all()
    directions = canonical_directions(wide).directions
    assert plausible(directions).mean() > 0.9, "carried over to the mean body, few limbs touch"
    right, left = (directions[:, joint_index(f"{side}_knee")[0] - 1] for side in "rl")
    split = (right * left).sum(-1) < -0.5
    assert split.sum() > 10, "legs apart by more than 120 degrees"
    right, left = (canonical_directions(everyday).directions[:, joint_index(f"{side}_knee")[0] - 1] for side in "rl")
    assert ((right * left).sum(-1) < -0.5).sum() < 6


@needs_samples("cmu/cmu_joints.npz")
@pytest.mark.parametrize("follow", [False, True])
def test_real_motion_capture_can_be_filmed(follow):
    with np.load(SAMPLES / "cmu/cmu_joints.npz") as z:
        clip = z["dmgnn_train_soccer_1"][:24:6]
    film = P.render_motion(clip, size=48, seed=1, follow=follow)
    assert film.images.shape == (4, 48, 48, 3) and film.masks.any((1, 2)).all()
    assert (film.joints_2d > 0).all() and (film.joints_2d < 48).all()
    bones = np.linalg.norm(film.joints_3d[:, 2] - film.joints_3d[:, 3], axis=-1)
    assert np.allclose(bones, bones[0], atol=0.5)
