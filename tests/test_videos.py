"""Own videos: broken and truncated files, resuming, cameras that move, a detection network, the sample videos."""

import shutil
import cv2, numpy as np, pytest
from hypothesis import given, settings, strategies as st
from helpers import SAMPLES, needs_samples
from pgp_nb.engine.images import crop, square_around
from pgp_nb.datasets.films import Film
from pgp_nb.datasets.samples import Skip, prepare, read_samples
from pgp_nb.datasets.videos import Videos, _OnnxDetector, _find_shots, moving_masks
from pgp_nb.datasets.videos import _Track, _Views, box_iou, _mine_pairs, _person_logits, _shot_pairs
from pgp_nb.datasets.videos import _follow, _stands_still


def puppet_film(frames=40, height=120, width=200, pan=0.0):
    """A figure of rectangles whose arms swing while it walks: (T,H,W,3) and its masks (T,H,W).

    The camera pans by `pan` px a frame.
    """
    rng = np.random.default_rng(1)
    wall = cv2.resize(
        rng.integers(60, 200, (20, 60, 3), dtype=np.uint8), (width * 3, height), interpolation=cv2.INTER_CUBIC
    )
    film, masks = np.zeros((frames, height, width, 3), np.uint8), np.zeros((frames, height, width), bool)
    for t in range(frames):
        left = int(pan * t)
        film[t] = wall[:, left : left + width]
        x, reach = int(40 + 2 * t), int(14 * np.sin(t / 2.5))
        for y0, y1, x0, x1, color in (
            (25, 37, x - 6, x + 6, (240, 200, 170)),
            (37, 70, x - 10, x + 10, (250, 10, 20)),
            (70, 100, x - 8, x - 1, (10, 10, 120)),
            (70, 100, x + 1, x + 8, (10, 10, 120)),
            (44, 51, min(x, x + 2 * reach), max(x, x + 2 * reach), (240, 240, 40)),
        ):
            film[t, y0:y1, max(0, x0) : max(0, x1)], masks[t, y0:y1, max(0, x0) : max(0, x1)] = color, True
    return film, masks


def write_film(path, film, code="mp4v", fps=10):
    out = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), fps, film.shape[2:0:-1])
    for frame in film:
        out.write(np.ascontiguousarray(frame[..., ::-1]))
    out.release()


@pytest.fixture(scope="module")
def film():
    return puppet_film()


@pytest.mark.parametrize("pan", [0.0, 1.5])
def test_crops_hold_the_whole_person_before_still_and_moving_cameras(pan):
    film, masks = puppet_film(pan=pan)
    pairs, _ = _shot_pairs(_follow(film, list(range(len(film))), 10.0), 0)
    assert len(pairs) > 4
    held = []
    for cut in (c for p in pairs for c in (p.source, p.target)):
        x, y, side = square_around(cut.box, 0.1)
        held.append(
            masks[cut.number, max(0, int(y)) : int(y + side), max(0, int(x)) : int(x + side)].sum()
            / masks[cut.number].sum()
        )
    assert np.mean(np.array(held) > 0.97) >= 0.9


def test_a_car_that_passes_is_no_person(film):
    frames = np.repeat(film[0][:1, :, 120:160].repeat(5, 2), 40, 0)
    for t in range(40):
        x = 20 + 3 * t
        cv2.rectangle(frames[t], (x, 60), (x + 50, 76), (200, 20, 20), -1)
        cv2.rectangle(frames[t], (x + 12, 46), (x + 40, 60), (200, 20, 20), -1)
        for wheel in (x + 10, x + 40):
            cv2.circle(frames[t], (wheel, 76), 6, (10, 10, 10), -1)
    pairs, wrong = _shot_pairs(_follow(frames, list(range(40)), 10.0), 0, least=0.01)
    assert not pairs and "not shaped like a person" in {reason for _, reason in wrong}


def test_a_moving_camera_is_told_from_a_still_one(film):
    moved, masks = puppet_film(pan=1.5)
    assert _stands_still(film[0], np.median(film[0], 0).astype(np.uint8)) and not _stands_still(
        moved, np.median(moved, 0).astype(np.uint8)
    )
    found = moving_masks(moved)[12:28]
    assert found[masks[12:28]].mean() > 0.7 and found[~masks[12:28]].mean() < 0.1


def test_broken_files_are_reported_and_the_rest_goes_on(tmp_path, film):
    write_film(tmp_path / "whole.mp4", film[0])
    write_film(tmp_path / "whole.avi", film[0], "MJPG")
    (tmp_path / "headless.mp4").write_bytes((tmp_path / "whole.mp4").read_bytes()[:-3000])
    data = (tmp_path / "whole.avi").read_bytes()
    (tmp_path / "truncated.avi").write_bytes(data[: int(len(data) * 0.6)])
    (tmp_path / "empty.mov").write_bytes(b"")
    (tmp_path / "notes.mkv").write_text("no film", encoding="utf-8")
    film_folder = tmp_path / "frames"
    film_folder.mkdir()
    for t in range(40):
        cv2.imwrite(str(film_folder / f"{t}.png"), film[0][t, ..., ::-1])
    (film_folder / "30.png").write_bytes(b"damaged")
    manifest = prepare(Videos(tmp_path, folder_fps=10.0), tmp_path / "out", size=64, jobs_per_shard=2, progress=False)
    kept = {name.split("/")[0] for name in read_samples(tmp_path / "out").name}
    assert kept == {"whole.mp4", "whole.avi", "truncated.avi", "frames"}
    assert manifest["skipped"]["cannot be decoded: damaged, or not a film"]["examples"] == [
        "empty.mov/000000",
        "headless.mp4/000000",
        "notes.mkv/000000",
    ]
    assert manifest["skipped"]["film ends before its stated length: truncated?"]["examples"][0] == "frames/000030"
    assert manifest["skipped"]["film ends before its stated length: truncated?"]["examples"][1].startswith(
        "truncated.avi/"
    )


def test_preparation_goes_on_where_it_was_and_is_always_the_same(tmp_path, film, monkeypatch):
    (tmp_path / "films").mkdir()
    write_film(tmp_path / "films/long.avi", np.concatenate([film[0], film[0][::-1]]), "MJPG")
    loader = Videos(tmp_path / "films", seconds=4.0)
    first = prepare(loader, tmp_path / "out", size=64, jobs_per_shard=1, progress=False)
    assert len(first["shards"]) == 2
    for file in ("manifest.json", "00001.npz"):
        (tmp_path / "out" / file).unlink()
    made, make = [], Videos.make
    monkeypatch.setattr(Videos, "make", lambda self, job, size: (made.append(job), make(self, job, size))[1])
    again = prepare(loader, tmp_path / "out", size=64, jobs_per_shard=1, progress=False)
    assert [job["start"] for job in made] == [40]
    assert again == first


def test_late_frames_are_the_right_ones(tmp_path):
    film = (
        np.repeat((np.arange(330) % 200 + 20).astype(np.uint8)[:, None, None, None], 32, 1).repeat(48, 2).repeat(3, 3)
    )
    for name, code in (("a.avi", "MJPG"), ("b.mp4", "mp4v")):
        write_film(tmp_path / name, film, code)
        written = Film(tmp_path / name)
        late, means = [255, 256, 300, 329], lambda numbers: [f.mean() for f in written.frames(numbers)]
        in_order, unknown = means(range(330)), means(late)
        assert len(written) == 330 and unknown == means(late) == [in_order[n] for n in late]
        assert np.abs(np.array(in_order) - film[:, 0, 0, 0]).max() < 6


# A network as YOLO's exporters write it, by hand: the mean colour of a 64 x 64 image goes through one linear layer
# into (1, 6, 20).
def field(number, value):
    key = lambda kind: bytes([number << 3 | kind])
    if isinstance(value, int):
        return key(0) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return key(2) + varint(len(value)) + value


def varint(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def tensor(name, x):
    dims = b"".join(field(1, d) for d in x.shape)
    return field(5, dims + field(2, 7 if x.dtype == np.int64 else 1) + field(8, name) + field(9, x.tobytes()))


def node(kind, inputs, output):
    return field(1, b"".join(field(1, i) for i in inputs) + field(2, output) + field(4, kind))


def port(number, name, shape):
    dims = b"".join(field(1, field(1, d)) for d in shape)
    return field(number, field(1, name) + field(2, field(1, field(1, 1) + field(2, dims))))


def write_network(path, box):
    "One candidate with this box, whose score is the mean red of the image."
    bias, weight = np.zeros((6, 20), np.float32), np.zeros((3, 6, 20), np.float32)
    bias[:4, 3], weight[0, 4, 3] = box, 1
    graph = (
        node("GlobalAveragePool", ["x"], "m")
        + node("Reshape", ["m", "s"], "v")
        + node("MatMul", ["v", "w"], "z")
        + node("Add", ["z", "b"], "a")
        + node("Reshape", ["a", "t"], "y")
        + field(2, "g")
    )
    graph += (
        tensor("s", np.array([1, 3]))
        + tensor("w", weight.reshape(3, 120))
        + tensor("b", bias.reshape(1, 120))
        + tensor("t", np.array([1, 6, 20]))
    )
    path.write_bytes(
        field(1, 8)
        + field(7, graph + port(11, "x", (1, 3, 64, 64)) + port(12, "y", (1, 6, 20)))
        + field(8, field(1, "") + field(2, 13))
    )
    return path


def test_a_network_file_detects_people(tmp_path):
    detector = _OnnxDetector(write_network(tmp_path / "net.onnx", (32, 16, 16, 24)), size=64)
    frames = np.zeros((2, 64, 128, 3), np.uint8)
    frames[1, ..., 0] = 255
    dark, red = detector(frames)
    assert dark.shape == (0, 5)
    np.testing.assert_allclose(red[:, :4], [[48, 8, 80, 56]], atol=1e-3)  # the frame was shrunk to half its size
    assert red[0, 4] > 0.5


class Net:
    "A network of OpenCV that has seen everything already."

    def __init__(self, *outputs):
        self.outputs = outputs

    def getUnconnectedOutLayersNames(self):
        return [str(i) for i in range(len(self.outputs))]

    def setInput(self, blob):
        self.blob = blob

    def forward(self, names):
        return self.outputs


def test_networks_of_three_families_are_understood(monkeypatch):
    frame = np.full((100, 200, 3), (200, 100, 50), np.uint8)
    cells = np.zeros((1, 21, 6), np.float32)  # YOLOX at 32 px: 4 x 4 cells of 8 px, 2 x 2, 1
    cells[0, 5] = 0, 0, np.log(2), np.log(1), 0.9, 1  # around (8,8), 16 x 8 px
    shares = np.array([[[0.5, 0.5, 0.2, 0.4]]], np.float32)
    logits = np.array([[[-9.0, 3.0, -9.0]]], np.float32)
    v8 = np.zeros((1, 6, 20), np.float32)
    v8[0, :5, 0] = 16, 8, 8, 4, 0.8
    for outputs, box in (
        ((cells,), [0, 25, 100, 75]),
        ((v8,), [75, 37.5, 125, 62.5]),
        ((logits, shares), [80, 30, 120, 70]),
    ):
        monkeypatch.setattr(cv2.dnn, "readNetFromONNX", lambda path, outputs=outputs: Net(*outputs))
        detector = _OnnxDetector("net.onnx", size=32)
        [found] = detector(frame[None])
        np.testing.assert_allclose(found[:, :4], [box], atol=1e-3)
        red = detector.net.blob[0, :, 4, 4]  # YOLOX wants BGR as bytes, YOLO RGB in [0,1], RF-DETR standardised
        expected = {21: [50, 100, 200], 6: [0.784, 0.392, 0.196], 1: [1.307, -0.284, -0.933]}[outputs[0].shape[1]]
        np.testing.assert_allclose(red, expected, atol=0.01)


def test_videos_with_a_network_of_ones_own(tmp_path, film):
    (tmp_path / "films").mkdir()
    reddish = film[0].copy()
    reddish[..., 0] = np.maximum(reddish[..., 0], 160)
    write_film(tmp_path / "films/a.avi", reddish, "MJPG")
    net = write_network(tmp_path / "net.onnx", (320, 200, 560, 300))
    loader = Videos(tmp_path / "films", detector=str(net))
    assert loader.about["detector"] == "net.onnx" and "films" not in str(loader.about)
    made = loader.make(loader.jobs()[0], 64)
    assert made and all(isinstance(m, Skip) or m.images.shape == (2, 64, 64, 3) for m in made)
    with pytest.raises(FileNotFoundError, match="leave the detector out"):
        Videos(tmp_path / "films", detector="none.onnx").make(loader.jobs()[0], 64)


boxes = st.lists(
    st.tuples(*[st.floats(0, 50)] * 2, *[st.floats(0.5, 50)] * 2).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])),
    min_size=1,
    max_size=5,
).map(np.array)


@given(boxes, boxes)
def test_iou_is_symmetric(a, b):
    iou = box_iou(a, b)
    assert (iou >= 0).all() and (iou <= 1 + 1e-9).all()
    np.testing.assert_allclose(iou, box_iou(b, a).T)
    np.testing.assert_allclose(np.diag(box_iou(a, a)), 1)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_pairs_keep_their_promises(n, seed):
    rng = np.random.default_rng(seed)
    views = _Views(*rng.random((2, n, 32, 32)).astype(np.float32))
    times = np.cumsum(rng.uniform(0.05, 0.3, n))
    good = rng.random(n) < 0.7
    for i, j in _mine_pairs(views, times, good, rng, least=0.1, gap=(0.3, 2.0)):
        assert good[i] and good[j] and 0.3 - 1e-6 <= abs(times[i] - times[j]) <= 2 + 1e-6


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=20))
def test_shots_cover_the_film(places):
    colors = np.array([(200, 40, 40), (40, 200, 40), (40, 40, 200)], np.uint8)
    frames = np.stack([np.full((16, 16, 3), colors[p]) for p in places])
    shots = _find_shots(frames)
    assert [t for s in shots for t in range(s.start, s.stop)] == list(range(len(places)))
    assert all(len(set(places[s])) == 1 for s in shots) and len(shots) == 1 + sum(
        a != b for a, b in zip(places, places[1:])
    )


def test_tracks_outlive_a_gap_but_not_a_change_of_person():
    track = _Track([0], [np.array([0.0, 0, 10, 30])], np.ones(4) / 4)
    track.add(1, np.array([2.0, 0, 12, 30]), np.ones(4) / 4)
    np.testing.assert_allclose(track.predict(4), [8, 0, 18, 30])


def outline(mask):
    y, x = np.nonzero(mask)
    square = square_around((x.min(), y.min(), x.max() + 1, y.max() + 1), 1 / 12)
    return crop(mask.astype(np.float32), square, 32)


def drawn_person(q):
    "An outline around the 14 joints of LSP, px."
    q = (q - q.min(0)) * 200 / np.ptp(q, 0).max() + 60
    torso, mask = np.linalg.norm(q[[8, 9]].mean(0) - q[[2, 3]].mean(0)), np.zeros((330, 330), np.uint8)
    point = lambda i: tuple(int(v) for v in np.atleast_2d(q[i]).mean(0))
    for a, b in ((0, 1), (1, 2), (3, 4), (4, 5), (6, 7), (7, 8), (9, 10), (10, 11), (12, 13)):
        cv2.line(mask, point(a), point(b), 1, max(6, int(0.2 * torso)))
    cv2.fillPoly(mask, [q[[2, 3, 9, 8]].astype(int)], 1)
    cv2.circle(mask, point([12, 13]), max(6, int(0.25 * torso)), 1, -1)
    return mask


@needs_samples("lsp_extended_sample", "h36m_samples")
def test_outlines_of_real_people_in_all_kinds_of_poses_are_not_refused():
    from scipy.io import loadmat

    bodies = [
        outline(cv2.imread(str(f)).max(-1) > 0) for f in sorted((SAMPLES / "h36m_samples/BF_IUV_gt").glob("*.png"))
    ]
    joints = loadmat(SAMPLES / "lsp_extended_sample/joints.mat")["joints"]
    sport = [outline(drawn_person(joints[:, :2, n])) for n in range(joints.shape[2]) if (joints[:, 2, n] > 0).all()]
    assert len(bodies) == 4 and len(sport) > 50
    assert (_person_logits(np.stack(bodies)) > -2).all() and (_person_logits(np.stack(sport)) > -2).mean() > 0.95


@needs_samples("videos")
def test_a_truncated_copy_of_a_sample_video(tmp_path):
    source = SAMPLES / "videos/vnect_test_video.mp4"
    (tmp_path / "films").mkdir()
    shutil.copy(source, tmp_path / "films/whole.mp4")
    data = source.read_bytes()
    (tmp_path / "films/truncated.mp4").write_bytes(data[: len(data) // 2])
    manifest = prepare(Videos(tmp_path / "films", rate=6.0), tmp_path / "out", size=64, progress=False)
    assert any(
        "truncated" in e
        for reason in ("cannot be decoded: damaged, or not a film", "film ends before its stated length: truncated?")
        for e in manifest["skipped"].get(reason, {"examples": []})["examples"]
    )
    assert sum(name.startswith("whole") for name in read_samples(tmp_path / "out").name) > 10
