"MPI-INF-3DHP: the miniature, damaged files, the protocol, and the real frames where they are present."

import shutil
from pathlib import Path
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from helpers import SAMPLES, needs_samples
from pgp_nb.datasets import mpi_inf_3dhp
from pgp_nb.conventions import JOINT_ORDERS, convert_joints
from pgp_nb.datasets.human36m import convert_pickled
from pgp_nb.datasets.mpi_inf_3dhp import MPIINF3DHP, scores_3dhp
from pgp_nb.datasets.mpi_inf_3dhp import (
    _ACTIVITIES,
    _CUT_OFF,
    _FRAMES,
    _MIRRORED,
    _NO_FRAME,
    _estimate_intrinsics,
    _film_sequence,
)
from pgp_nb.datasets.mpi_inf_3dhp import _read_annotations, _read_calibration, _read_test, _reproject, _screen_mask
from pgp_nb.evaluation import PCK_JOINTS
from pgp_nb.datasets.samples import Sample, Skip, make_job, prepare, read_manifest, read_samples, stack_samples

pytest.importorskip("cdflib", reason="the miniature needs cdflib")
pytest.importorskip("h5py", reason="the miniature needs h5py")
import make_mpi_inf_3dhp

CHOICE = dict(every=5, gap=(3, 9))
REAL = SAMPLES / "mpi_inf_3dhp_samples"


@pytest.fixture(scope="module")
def mini(tmp_path_factory):
    root = tmp_path_factory.mktemp("3dhp")
    make_mpi_inf_3dhp.write_all(root)
    return root


@pytest.fixture
def copy(mini, tmp_path):
    "A copy that a test may damage."
    for read in (_read_annotations, _read_test):
        read.cache_clear()
    return Path(shutil.copytree(mini, tmp_path / "3dhp"))


def made(loader, size=32):
    return [m for job in loader.jobs() for m in loader.make(job, size)]


def test_training_samples_reproject_and_agree_between_cameras(mini):
    kept = [m for m in made(MPIINF3DHP(mini, **CHOICE)) if isinstance(m, Sample)]
    s = stack_samples(kept)
    assert len(s) > 12 and {n.split("/")[2] for n in s.name} == {"0", "1", "2"}
    for i in range(len(s)):
        for t in range(2):
            np.testing.assert_allclose(_reproject(s.joints_3d[i, t], s.intrinsics[i, t]), s.joints_2d[i, t], atol=0.01)
    world = np.einsum("ntji,ntkj->ntki", s.rotation, s.joints_3d - s.translation[:, :, None])
    by_frame = {}
    for n, w in zip(s.name, world):
        by_frame.setdefault(n.rsplit("/", 1)[1].split("+")[0], []).append(w[0])
    assert max(len(v) for v in by_frame.values()) == 3
    for views in by_frame.values():
        assert np.ptp(views, axis=0).max() < 0.1, "one pose in the world, from whichever camera"
    assert (world[..., 10, 2] - world[..., 3, 2] > 1200).all(), "z is up"


def test_first_rows_only(mini, monkeypatch):
    monkeypatch.setitem(_FRAMES, (1, 1), 16)
    names = [m.name for m in made(MPIINF3DHP(mini, **CHOICE))]
    assert max(int(n) for name in names for n in name.rsplit("/", 1)[1].split("+")) <= 16


def test_frames_after_the_end_of_the_video_are_skipped(mini):
    skipped = [m for m in made(MPIINF3DHP(mini, **CHOICE)) if isinstance(m, Skip)]
    assert {m.reason for m in skipped} == {_NO_FRAME}
    assert all(max(map(int, m.name.rsplit("/", 1)[1].split("+"))) > make_mpi_inf_3dhp.FILMED for m in skipped)


def test_fast_sequences_count_twice(mini, monkeypatch):
    slow = made(MPIINF3DHP(mini, every=10, gap=(6, 10)))
    monkeypatch.setattr(mpi_inf_3dhp, "_FAST", {(1, 1)})
    fast = made(MPIINF3DHP(mini, every=5, gap=(3, 5)))
    source = lambda ms: [m.name.split("+")[0] for m in ms]
    assert source(slow) == source(fast)


def test_mirrored_rows_are_left_out(mini, monkeypatch):
    monkeypatch.setattr(mpi_inf_3dhp, "_SWAPPED", {(1, 1): range(8, 14)})
    for m in made(MPIINF3DHP(mini, **CHOICE)):
        numbers = {int(n) - 1 for n in m.name.rsplit("/", 1)[1].split("+")}
        assert isinstance(m, Skip) == bool(numbers & {*range(8, 14)} or max(numbers) >= make_mpi_inf_3dhp.FILMED)
        if numbers & {*range(8, 14)} and max(numbers) < make_mpi_inf_3dhp.FILMED:
            assert m.reason == _MIRRORED


def test_both_spellings_of_the_masks(copy):
    loader = MPIINF3DHP(copy, **CHOICE)
    first = loader.make(loader.jobs()[0], 32)
    (copy / "S1/Seq1/FGmasks").rename(copy / "S1/Seq1/FGmaks")
    again = loader.make(loader.jobs()[0], 32)
    assert (
        all((a.saliency == b.saliency).all() for a, b in zip(first, again) if isinstance(a, Sample))
        and first[0].saliency.max() > 200
    )
    shutil.rmtree(copy / "S1/Seq1/ChairMasks")
    with_chair = loader.make(loader.jobs()[0], 32)
    assert sum(int(m.saliency.sum()) for m in with_chair if isinstance(m, Sample)) > sum(
        int(m.saliency.sum()) for m in first if isinstance(m, Sample)
    )
    shutil.rmtree(copy / "S1/Seq1/FGmaks")
    assert (
        "download the masks"
        in make_job(loader, loader.jobs()[0], 32)[0].name + make_job(loader, loader.jobs()[0], 32)[0].reason
    )
    assert isinstance(MPIINF3DHP(copy, saliency=False, **CHOICE).make(loader.jobs()[0], 32)[0], Sample)


def test_folders_between(copy):
    here = [m.name for m in made(MPIINF3DHP(copy, **CHOICE))]
    (copy / "train").mkdir()
    (copy / "S1").rename(copy / "train/S1")
    (copy / "mpi_inf_3dhp_test_set").rename(copy / "test")
    assert here == [m.name for m in made(MPIINF3DHP(copy, **CHOICE))] and len(made(MPIINF3DHP(copy, "test"))) == 20


def test_every_valid_frame_is_there_once(mini):
    s = stack_samples(made(MPIINF3DHP(mini, "test"), 48))
    frames = {t: [int(n.split("/")[2]) for n in s.name if n.startswith(t)] for t in ("TS1", "TS5")}
    assert frames["TS1"] == frames["TS5"] == [1, 2, 3, 5, 6, 7, 9, 10, 11, 12]
    assert all(n.split("/")[1] == _ACTIVITIES[(int(n.split("/")[2]) - 1) // 2 % 7] for n in s.name)
    assert (s.images[:, 0] == s.images[:, 1]).all() and (s.joints_3d[:, 0] == s.joints_3d[:, 1]).all()
    assert np.isnan(s.rotation).all() and not s.saliency.any() and s.known_3d.all()
    for i in range(len(s)):
        np.testing.assert_allclose(_reproject(s.joints_3d[i, 0], s.intrinsics[i, 0]), s.joints_2d[i, 0], atol=0.01)
    few = stack_samples(made(MPIINF3DHP(mini, "test", every=4), 32))
    assert [int(n.split("/")[2]) for n in few.name] == 2 * [1, 6, 11]


def test_universal_joints(mini):
    a, b = (
        stack_samples(m for m in made(MPIINF3DHP(mini, split, universal=u, **CHOICE)) if isinstance(m, Sample))
        for split in ("test",)
        for u in (False, True)
    )
    limb = lambda s: np.linalg.norm(s.joints_3d[:, 0, 2] - s.joints_3d[:, 0, 1], axis=-1)
    np.testing.assert_allclose(limb(b), 0.8 * limb(a), rtol=1e-3)
    np.testing.assert_allclose(a.joints_2d, b.joints_2d)
    assert np.abs(_reproject(b.joints_3d[0, 0], b.intrinsics[0, 0]) - b.joints_2d[0, 0]).max() > 1


def test_a_bad_file_stops_nothing_else(copy, tmp_path):
    video = copy / "S1/Seq1/imageSequence/video_1.avi"
    video.write_bytes(video.read_bytes()[:100])
    manifest = prepare(MPIINF3DHP(copy, **CHOICE), tmp_path / "out", 32, progress=False)
    assert manifest["number"] == len(read_samples(tmp_path / "out")) > 8
    said = " ".join(
        name for reason in read_manifest(tmp_path / "out")["skipped"].values() for name in reason["examples"]
    )
    assert "video_1.avi cannot be opened" in said


def test_a_video_cut_in_the_middle_gives_what_it_has(copy):
    for kind in ("imageSequence", "FGmasks", "ChairMasks"):
        video = copy / "S1/Seq1" / kind / "video_0.avi"
        video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    loader = MPIINF3DHP(copy, **CHOICE)
    result = loader.make(loader.jobs()[0], 32)
    assert {type(m) for m in result} == {Sample, Skip} and {m.reason for m in result if isinstance(m, Skip)} == {
        _NO_FRAME
    }


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 0.98), st.sampled_from(["annot.mat", "annot_data.mat", "camera.calibration"]))
def test_cut_files_give_value_errors(mini, share, name):
    whole = next(mini.rglob(name)).read_bytes()
    path = mini / "cut" / "Seq1" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(whole[: int(share * len(whole))])
    for read in (_read_annotations, _read_test):
        read.cache_clear()
    try:
        found = {"annot.mat": _read_annotations, "annot_data.mat": _read_test}.get(name, _read_calibration)(path)
    except ValueError as e:
        assert name in str(e)
    else:
        assert name == "camera.calibration" and len(found) < 14, "whole blocks of a cut calibration are good"


@settings(max_examples=50, deadline=None)
@given(
    st.floats(800, 2500),
    st.floats(0.9, 1.1),
    st.floats(400, 1100),
    st.floats(400, 1100),
    st.floats(0, 0.5),
    st.integers(0, 2**31),
)
def test_intrinsics(f, aspect, cx, cy, noise, seed):
    rng, k = np.random.default_rng(seed), np.array([[f, 0, cx], [0, f * aspect, cy], [0, 0, 1.0]])
    x = rng.uniform((-900, -900, 2500), (900, 900, 6000), (50, 17, 3))
    found, residual = _estimate_intrinsics(x, _reproject(x, k) + rng.normal(0, noise, (50, 17, 2)))
    np.testing.assert_allclose(found, k, atol=1e-6 + 1.5 * noise)
    assert residual <= 1.5 * noise + 1e-6


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.booleans(), st.booleans())
def test_mask_does_not_depend_on_the_coding(seed, invert, invert_chair):
    rng = np.random.default_rng(seed)
    person, chair = np.zeros((60, 60), np.uint8), np.full((60, 60), 255, np.uint8)
    y, x = rng.integers(5, 25, 2)
    person[y : y + 30, x : x + 12], chair[y + 20 : y + 35, x + 6 : x + 20] = 255, 0
    q = rng.uniform((x, y), (x + 12, y + 30), (17, 2))
    expected = np.minimum(person, chair)
    assert (
        _screen_mask(255 - person if invert else person, q, 255 - chair if invert_chair else chair) == expected
    ).all()


def test_people_outside(mini):
    annotation, camera = (
        _read_annotations(mini / "S1/Seq1/annot.mat")[0],
        _read_calibration(mini / "S1/Seq1/camera.calibration")[0],
    )
    moved = annotation._replace(joints_2d=annotation.joints_2d + np.float32([0, 75]))
    assert _film_sequence(mini / "S1/Seq1", 0, [0, 1], moved, camera, 32) == {0: _CUT_OFF, 1: _CUT_OFF}


def test_the_fourteen_joints_are_the_official_ones():
    order = JOINT_ORDERS["mpi_inf_3dhp_test"]
    official = "head_top neck r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist".split()
    official += "r_hip r_knee r_ankle l_hip l_knee l_ankle".split()
    theirs = [order.joints[i] for i in order.weights.argmax(1)]
    assert [theirs[j] for j in PCK_JOINTS] == official
    spine_wrong = torch.zeros(1, 17, 3)
    spine_wrong[:, 7, 2] = 400.0
    scores = scores_3dhp(spine_wrong, torch.zeros(1, 17, 3), ["TS1/sitting/000001"])
    assert scores["pck_3d"] == 1 > scores["pck_3d_17"] and scores["mpjpe"] == pytest.approx(400 / 17)


def evaluated_plainly(prediction, truth, activities):
    """The data set's `mpii_evaluate_errors`, loop by loop, in percent and mm.

    Joints in groups of one or two, PCK and AUC of each group, then the mean weighted by the joints of a group.
    """
    groups = [[10], [8], [14, 11], [15, 12], [16, 13], [1, 4], [2, 5], [3, 6]]
    error = np.linalg.norm((prediction - prediction[:, :1]) - (truth - truth[:, :1]), axis=-1)
    rows = {}
    for name in dict.fromkeys(["all", *activities]):
        some = np.array([name in ("all", a) for a in activities])
        pck, auc, joints = 0.0, 0.0, 0
        for group in groups:
            e = error[some][:, group]
            pck += len(group) * 100 * (e < 150).mean()
            auc += len(group) * 100 * np.mean([(e < t).mean() for t in range(0, 151, 5)])
            joints += len(group)
        rows[name] = pck / joints, auc / joints, error[some].mean(0).mean()
    return rows


def test_scores_are_those_of_the_published_evaluation():
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 400, (40, 17, 3))
    prediction = truth + rng.normal(0, 90, truth.shape)
    activities = [_ACTIVITIES[i % 7] for i in range(40)]
    names = [f"TS{i % 6 + 1}/{activity}/{i:06d}" for i, activity in enumerate(activities)]
    ours = scores_3dhp(torch.from_numpy(prediction), torch.from_numpy(truth), names)
    plain = evaluated_plainly(prediction, truth, activities)
    for name, row in {"all": ours, **ours["by_activity"]}.items():
        found = 100 * row["pck_3d"], 100 * row["auc_3d"], row["mpjpe"]
        np.testing.assert_allclose(found, plain[name], rtol=1e-5, err_msg=name)
    assert sum(row["frames"] for row in ours["by_activity"].values()) == ours["frames"] == 40
    assert sum(row["frames"] for row in ours["by_sequence"].values()) == 40


def test_training_and_test_orders_agree():
    train, test = JOINT_ORDERS["mpi_inf_3dhp"], JOINT_ORDERS["mpi_inf_3dhp_test"]
    x = np.random.default_rng(0).normal(size=(28, 3))
    subset = x[[7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6]]
    assert [train.joints[i] for i in (7, 5, 14, 4, 3, 6)] == [test.joints[i] for i in (0, 1, 2, 14, 15, 16)]
    np.testing.assert_allclose(convert_joints(x, "mpi_inf_3dhp"), convert_joints(subset, "mpi_inf_3dhp_test"))


@needs_samples("mpi_inf_3dhp_samples")
def test_real_frames_reproject(tmp_path):
    for split in ("train", "test"):
        convert_pickled(REAL / f"cameras_{split}.pkl", tmp_path / f"{split}.npz")
        with np.load(REAL / f"test_3dhp_{split}.npz") as z:
            names, part, S = z["imgname"], z["part"][..., :2], z["S"][..., :3] * 1000
        with np.load(tmp_path / f"{split}.npz") as cameras:
            for name, q, x in zip(names, part, S):
                key, k = str(name).rsplit("_", 1)[0], np.eye(3)
                k[[0, 1], [0, 1]], k[:2, 2] = cameras[f"{key}/f"].ravel(), cameras[f"{key}/c"].ravel()
                error = np.linalg.norm(_reproject(x, k) - q, axis=-1)
                assert 0.1 < error.mean() < 0.45
                found, left = _estimate_intrinsics(x[None], q[None])
                assert np.abs(found - k).max() < 2 and left < 0.5
                if split == "train":
                    assert (cameras[f"{key}/R"] @ mpi_inf_3dhp._Z_UP @ [0, 0, 1])[1] < -0.8, "our z is up in the image"
