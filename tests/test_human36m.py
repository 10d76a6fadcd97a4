"Human3.6M: the miniature in its three layouts, hostile and damaged files, and the real frames where they are present."

import functools
import io
import os
import pickle
import shutil
import subprocess
from pathlib import Path
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from helpers import SAMPLES, needs_samples, python
from pgp_nb.datasets import human36m
from pgp_nb.conventions import JOINT_ORDERS
from pgp_nb.datasets.human36m import Human36M, Take, convert_pickled, pick_pairs, scores_human36m
from pgp_nb.datasets.human36m import _CAMERA_IDS, _ArrayUnpickler, _camera_from, _cameras_from_metadata, _find_layout
from pgp_nb.datasets.human36m import _flat_arrays, _plain_name, _project_lens, _read_cameras, _read_cdf
from pgp_nb.datasets.human36m import _rotation_from_angles, _rotation_from_quaternion, _world_to_camera
from pgp_nb.datasets.samples import Sample, Skip, box_of, crop_frame, prepare, read_manifest, read_samples
from pgp_nb.datasets.samples import stack_samples
from pgp_nb.losses import true_pose

pytest.importorskip("cdflib", reason="the miniature is written with cdflib")
import make_human36m

CHOICE = dict(every=10, gap=(5, 15))
REAL = SAMPLES / "h36m_samples"


@pytest.fixture(scope="module")
def mini(tmp_path_factory):
    "The three layouts, pickles converted."
    root = tmp_path_factory.mktemp("h36m")
    make_human36m.write_all(root)
    convert_pickled(root / "mmpose/annotation_body3d/cameras.pkl")
    convert_pickled(root / "videopose3d/data_3d_h36m.npz")
    return root


@pytest.fixture
def raw(mini, tmp_path):
    "A copy of the distributed layout that a test may damage."
    return Path(shutil.copytree(mini / "raw", tmp_path / "raw"))


def loaders(mini, **kwargs):
    return [
        Human36M(mini / "raw", **kwargs),
        Human36M(mini / "videopose3d", videos=mini / "raw", **kwargs),
        Human36M(mini / "mmpose", **kwargs),
    ]


@pytest.mark.parametrize(
    "kwargs",
    [
        dict(split="train", saliency=False),
        dict(split="test", saliency=False),
        dict(split="train", views=True, saliency=False),
    ],
)
def test_three_layouts_give_the_same_samples(mini, kwargs):
    first, *others = (
        [m for job in loader.jobs() if job["action"] != "Directions" for m in loader.make(job, 32)]
        for loader in loaders(mini, **CHOICE | kwargs)
    )
    a = stack_samples(first)
    for other in others:
        b = stack_samples(other)
        assert (a.name == b.name).all() and len(a) >= 16
        for field, tolerance in dict(
            joints_3d=0.02, joints_2d=0.001, rotation=1e-5, translation=0.01, intrinsics=0.001
        ).items():
            np.testing.assert_allclose(getattr(a, field), getattr(b, field), atol=tolerance, rtol=0, err_msg=field)
        assert np.abs(a.images.astype(float) - b.images).mean() < 5


def test_annotation_of_mmpose_is_where_we_project(mini):
    with np.load(mini / "mmpose/annotation_body3d/fps10/h36m_train.npz") as z:
        names, part, S = z["imgname"], z["part"][..., :2], z["S"][..., :3] * 1000
    for name, q, x in zip(names, part, S):
        camera = _read_cameras(mini / "mmpose")["S1", name.split(".")[1].split("/")[0]]
        np.testing.assert_allclose(_project_lens(x, camera), q, atol=1e-6)


def test_joints_are_ours(mini):
    order, x = JOINT_ORDERS["h36m_32"], _read_cdf(mini / "raw/S1/MyPoseFeatures/D3_Positions/Directions 1.cdf")
    theirs = make_human36m.motion("S1", "Directions 1")
    assert [order.joints[i] for i in order.weights.argmax(1)] == list(JOINT_ORDERS["h36m"].joints)
    np.testing.assert_allclose(x, theirs[:, [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]], atol=1e-3)


def test_views_are_one_pose_in_the_world(mini):
    s = stack_samples(
        m
        for loader in [Human36M(mini / "raw", views=True, every=10, saliency=False)]
        for job in loader.jobs()
        for m in loader.make(job, 32)
    )
    world = np.einsum("ntji,ntkj->ntki", s.rotation, s.joints_3d - s.translation[:, :, None])
    assert np.abs(world[:, 0] - world[:, 1]).max() < 0.1 and (s.rotation[:, 0] != s.rotation[:, 1]).any((1, 2)).all()
    assert s.name[0] == "S1/Directions 1/54138969+55011271/000001" and {n.split("/")[2] for n in s.name} == {
        f"{a}+{b}" for a, b in zip(_CAMERA_IDS, _CAMERA_IDS[1:] + _CAMERA_IDS[:1])
    }


def test_saliency_is_the_person(mini):
    loader = Human36M(mini / "raw", **CHOICE)
    s = stack_samples(loader.make(loader.jobs()[0], 64))
    red = s.images[..., 0].astype(int) - s.images[..., 1] > 90
    salient = s.saliency > 127
    assert (red & salient).sum() / red.sum() > 0.9 and (red & salient).sum() / salient.sum() > 0.5


def test_protocol(mini):
    jobs = Human36M(mini / "raw", "test").jobs()
    made = [m for job in jobs for m in Human36M(mini / "raw", "test", saliency=False, **CHOICE).make(job, 32)]
    skipped = [m for m in made if isinstance(m, Skip)]
    assert {s.name.rsplit("/", 1)[0] for s in skipped} == {"S11/Directions"} and len(skipped) == 4
    assert {m.name.split("/")[0] for m in made if isinstance(m, Sample)} == {"S9", "S11"}
    assert {job["subject"] for job in Human36M(mini / "raw").jobs()} == {"S1"}


def test_frames_of_the_test_split_are_there_once(mini):
    for loader in loaders(mini, split="test", saliency=False, **CHOICE):
        made = [m for job in loader.jobs() for m in loader.make(job, 32)]
        kept = stack_samples(m for m in made if isinstance(m, Sample))
        assert len(set(kept.name)) == len(kept) == 32 and (kept.images[:, 0] == kept.images[:, 1]).all()
        assert kept.name[0] == "S9/WalkDog 1/54138969/000001"


def test_protocols_by_action():
    names = ["S9/Walking 1/1/000001", "S11/Walking/1/000001", "S9/WalkDog/1/000001", "S9/Sitting 1/2/000051"]
    rng = np.random.default_rng(0)
    truth = torch.from_numpy(rng.normal(0, 300, (4, 17, 3)))
    prediction = truth + torch.tensor([10.0, 20, 60, 90])[:, None, None] * torch.eye(17, 3).roll(5, 0) * 17
    scores = scores_human36m(prediction, truth, names)
    assert list(scores["by_action"]) == ["Sitting", "WalkDog", "Walking"]
    first = {action: row["mpjpe"] for action, row in scores["by_action"].items()}
    assert first == pytest.approx({"Sitting": 270.0, "WalkDog": 180.0, "Walking": 45.0})
    assert scores["mpjpe"] == pytest.approx(135.0) and scores["mean_of_actions"]["mpjpe"] == pytest.approx(165.0)
    turn = torch.linalg.qr(torch.from_numpy(rng.normal(size=(3, 3))))[0]
    turned = 0.5 * prediction @ (turn * torch.linalg.det(turn).sign())
    assert scores_human36m(turned, truth, names)["pa_mpjpe"] == pytest.approx(scores["pa_mpjpe"], rel=1e-6)


def test_command_line_converts_and_refuses(mini, tmp_path):
    done = python("-m", "pgp_nb.datasets.human36m", mini / "mmpose/annotation_body3d/cameras.pkl", "--out", tmp_path)
    assert done.returncode == 0 and "cameras_plain.npz: 440 arrays" in done.stdout and not done.stderr, done.stderr
    assert len(_read_cameras(tmp_path)) == 44
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"x": Call(os.system, "true")}))
    done = python("-m", "pgp_nb.datasets.human36m", tmp_path / "x.pkl")
    assert done.returncode == 2 and "do not trust this file" in done.stderr and "Traceback" not in done.stderr
    told = python("-m", "pgp_nb.datasets.human36m", "--help").stdout
    assert "A pickle can run any program" in told and "data_3d_h36m.npz" in told


def test_a_bad_file_stops_nothing_else(raw, tmp_path):
    (raw / "S1/Videos/TakingPhoto.54138969.mp4").unlink()
    video = raw / "S1/Videos/TakingPhoto.55011271.mp4"
    video.write_bytes(video.read_bytes()[:1500])
    cdf = raw / "S1/MyPoseFeatures/D3_Positions/Directions 1.cdf"
    cdf.write_bytes(cdf.read_bytes()[:900])
    manifest = prepare(Human36M(raw, saliency=False, **CHOICE), tmp_path / "out", 32, progress=False)
    assert manifest["number"] == 8 == len(read_samples(tmp_path / "out"))
    said = " ".join(
        name for reason in read_manifest(tmp_path / "out")["skipped"].values() for name in reason["examples"]
    )
    assert all(
        part in said
        for part in ("no video of Photo before 54138969", "cannot be opened as a video", "cannot be read as a cdf file")
    )


def test_a_missing_image_costs_its_pairs_only(mini, tmp_path):
    root = Path(shutil.copytree(mini / "mmpose", tmp_path / "mmpose"))
    loader = Human36M(root, saliency=False, **CHOICE)
    whole = loader.make(loader.jobs()[0], 32)
    next(root.rglob("S1_Directions_1.54138969_000001.jpg")).unlink()
    less = loader.make(loader.jobs()[0], 32)
    assert [m.name for m in less] == [m.name for m in whole] and {m.name for m in less if isinstance(m, Skip)} == {
        m.name for m in whole if "000001" in m.name
    }


def test_video_shorter_than_the_poses(mini, raw, monkeypatch):
    monkeypatch.setattr(make_human36m, "FRAMES", 21)
    poses, short = raw / "poses", raw / "short"
    (raw / "S1/MyPoseFeatures").rename(poses)
    make_human36m.write_raw(short)
    shutil.rmtree(short / "S1/MyPoseFeatures")
    shutil.move(poses, short / "S1/MyPoseFeatures")
    loader = Human36M(short, saliency=False, **CHOICE)
    made = loader.make(loader.jobs()[0], 32)
    assert {type(m) for m in made} == {Sample, Skip} and all(
        "the video ends" in m.reason for m in made if isinstance(m, Skip)
    )


def test_metadata_with_a_number_too_many(raw):
    file = raw / "metadata.xml"
    file.write_text(file.read_text(encoding="utf-8").replace("]</w0>", " 1]</w0>"), encoding="utf-8")
    with pytest.raises(ValueError, match="w0 holds 301 numbers"):
        _cameras_from_metadata(file)
    with pytest.raises(ValueError, match="w0 holds 301 numbers"):
        Human36M(raw).jobs()


class Call:
    def __init__(self, f, *args):
        self.f, self.args = f, args

    def __reduce__(self):
        return self.f, self.args


@pytest.mark.parametrize(
    "call",
    [
        Call(os.system, "true"),
        Call(eval, "1"),
        Call(exec, "1"),
        Call(subprocess.Popen, ["true"]),
        Call(functools.partial, print),
        Call(getattr, "a", "upper"),
        Call(np.load, "x"),
        Call(__import__, "os"),
        Call(open, "/dev/null"),
    ],
    ids=lambda c: c.f.__name__,
)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_nothing_but_data_is_unpickled(call, protocol, tmp_path):
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps({"R": np.eye(3), "x": call}, protocol=protocol))
    with pytest.raises(ValueError, match="x.pkl was not converted.*do not trust this file"):
        convert_pickled(path)
    assert not _plain_name(path).exists()


leaves = st.one_of(
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False),
    st.text("abc é", max_size=5),
    st.booleans(),
    st.tuples(st.integers(0, 3), st.integers(1, 3)).map(lambda s: np.arange(s[0] * s[1], dtype=np.float32).reshape(s)),
)
names = st.one_of(
    st.text("abcd", min_size=1, max_size=4),
    st.tuples(st.text("xy", min_size=1, max_size=3), st.text("zw", min_size=1, max_size=3)),
)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        names,
        st.one_of(
            leaves,
            st.lists(leaves, max_size=3),
            st.dictionaries(st.text("ef", min_size=1, max_size=3), leaves, max_size=3),
        ),
        max_size=4,
    ),
    st.sampled_from([0, 2, 4, 5]),
)
def test_plain_data_passes_whole(value, protocol):
    again = _ArrayUnpickler(io.BytesIO(pickle.dumps(value, protocol=protocol))).load()
    a, b = _flat_arrays(value), _flat_arrays(again)
    assert a.keys() == b.keys() and all(
        (a[k] == b[k]).all() and a[k].dtype == b[k].dtype and a[k].dtype != object for k in a
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3000), st.sampled_from(["cameras.pkl", "data_3d_h36m.npz", "Directions 1.cdf", "metadata.xml"]))
def test_cut_files_give_value_errors(mini, length, name):
    whole = next(p for p in mini.rglob(name) if "S11" not in p.parts)
    cut = mini / f"cut{whole.suffix}"
    cut.write_bytes(whole.read_bytes()[: min(length, whole.stat().st_size - 20)])
    read = {".cdf": _read_cdf, ".xml": _cameras_from_metadata}.get(whole.suffix, convert_pickled)
    try:
        read(cut)
    except ValueError as e:
        assert cut.name in str(e)
    else:
        assert whole.suffix == ".cdf", "only what is no data may be cut off"


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 4000),
    st.integers(1, 40),
    st.integers(1, 20),
    st.integers(0, 40),
    st.sampled_from([1, 5]),
    st.text(max_size=10),
)
def test_pairs(length, every, least, more, step, name):
    pairs = pick_pairs(length, every * step, (least * step, (least + more) * step), name, step)
    assert (pairs == pick_pairs(length, every * step, (least * step, (least + more) * step), name, step)).all()
    if not len(pairs):
        assert length <= step
        return
    apart = np.abs(pairs[:, 0] - pairs[:, 1])
    assert (
        pairs.min() >= 0
        and pairs.max() < length
        and not (pairs % step).any()
        and (apart > 0).all()
        and apart.max() <= (least + more) * step
    )
    assert (
        pairs[:, 0] == np.arange(0, (length - 1) // step * step + 1, every * step)[: len(pairs)]
    ).all() or length <= step
    last, far = (length - 1) // step * step, (least + more) * step
    near = pairs[apart < least * step, 0]  # only where the recording may reach neither way
    assert ((near < far) & (near + far > last)).all()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-3, 3), min_size=3, max_size=3),
    st.lists(st.floats(-5000, 5000), min_size=3, max_size=3),
    st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 0.1),
)
def test_rotations_and_translation(angles, centre, q):
    for r in (_rotation_from_angles(*angles), _rotation_from_quaternion(q)):
        assert np.allclose(r @ r.T, np.eye(3)) and np.isclose(np.linalg.det(r), 1)
        camera = _camera_from(r, centre, (1145, 1144), (512, 515), (0, 0, 0), (0, 0))
        x = np.array([[100.0, 200, 300], [-400, 0, 900]])
        np.testing.assert_allclose(_world_to_camera(x, camera), x @ camera.rotation.T + camera.translation, atol=1e-6)
    np.testing.assert_allclose(_rotation_from_quaternion(q), _rotation_from_quaternion(-3 * np.array(q)), atol=1e-9)


def test_layout_that_needs_converting(mini, tmp_path):
    shutil.copy(mini / "videopose3d/data_3d_h36m.npz", tmp_path)
    with pytest.raises(ValueError, match="python -m pgp_nb.datasets.human36m .*data_3d_h36m.npz"):
        _find_layout(tmp_path)
    assert isinstance(_find_layout(mini / "mmpose"), human36m._MMPoseLayout)


@needs_samples("h36m_samples")
def test_real_frames_reproject(tmp_path):
    convert_pickled(REAL / "cameras.pkl", tmp_path / "cameras_plain.npz")
    cameras = _read_cameras(tmp_path)
    assert len(cameras) == 44
    with np.load(REAL / "test_h36m_body3d.npz") as z:
        names, part, S = z["imgname"], z["part"][..., :2], z["S"][..., :3] * 1000
    for name, q, x in zip(names, part, S):
        take = human36m._take_of(Path(str(name)).parent.name)
        camera = cameras[take.subject, take.camera]
        assert np.abs(_project_lens(x, camera) - q).max() < 1e-4
        swapped = camera._replace(tangential=camera.tangential[::-1])
        assert np.abs(_project_lens(x, swapped) - q).max() > 0.003
        image = human36m.read_image(REAL / str(name))
        seen_by = (camera.rotation, camera.translation, camera.intrinsics)
        frame = crop_frame(image, box_of(q), 224, None, None, x, q, *seen_by, lens=camera.lens)
        true = true_pose(torch.from_numpy(frame.joints_3d), 224, float(frame.intrinsics[0, 0]) / 224)
        assert np.abs(true.joints_2d.numpy() - frame.joints_2d).max() < 0.1, "T_c of the truth is where it is seen"
        world = (x - camera.translation) @ camera.rotation
        assert 0 < world[..., 2].max() < 2300 and world[..., 2].min() > -200, (
            "feet above the floor, head below the ceiling: z is up"
        )
        assert frame.image.std() > 10


@needs_samples("h36m_samples")
def test_real_frames_in_the_layout(tmp_path):
    (tmp_path / "annotation_body3d/fps10").mkdir(parents=True)
    shutil.copy(REAL / "test_h36m_body3d.npz", tmp_path / "annotation_body3d/fps10/h36m_train.npz")
    convert_pickled(REAL / "cameras.pkl", tmp_path / "annotation_body3d/cameras_plain.npz")
    (tmp_path / "images").symlink_to(REAL)
    layout, cameras = _find_layout(tmp_path), _read_cameras(tmp_path)
    takes = layout.takes(human36m._SUBJECTS["train"])
    assert takes == [
        Take("S1", "Directions 1", "54138969"),
        Take("S5", "SittingDown", "54138969"),
        Take("S7", "Greeting", "55011271"),
        Take("S8", "WalkDog 1", "55011271"),
    ]
    for take, number in zip(takes, (0, 2060, 395, 25)):
        film = human36m._film_take(layout, take, cameras[take.subject, take.camera], [number], 64, saliency=False)
        assert list(film) == [number] and np.isfinite(film[number].joints_3d).all()
