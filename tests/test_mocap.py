"""Motion capture: hostile files, long ones, interrupted folders, real recordings.

No text makes the readers crash or hang, memory stays constant, and recordings in two formats agree.
"""

import functools, importlib.util, io, re, shutil, time, tracemalloc
from pathlib import Path
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from scipy.io import savemat
from helpers import SAMPLES, needs_samples
from pgp_nb.datasets import mocap as M
from pgp_nb.conventions import JOINT_NAMES, PARENTS, joint_index
from pgp_nb.people.people import unpaired_poses
from pgp_nb.datasets.samples import read_poses

FIXTURES = Path(__file__).parent / "fixtures/mocap"
TEXTS = {
    kind: (FIXTURES / name).read_text(encoding="utf-8")
    for kind, name in {".asf": "77.asf", ".amc": "77_01.amc", ".bvh": "77_01.bvh"}.items()
}
PERSON = M.read_asf(FIXTURES / "77.asf")
LIMBS = joint_index(*"r_knee r_ankle l_knee l_ankle l_elbow l_wrist r_elbow r_wrist".split())
TRICKY = "{ } - nan 1e999 99999999999 root End OFFSET :bonedata begin end # ½ ٣".split()
TRICKY += ["", "JOINT x {", "CHANNELS 3", "Frames: 7", "\x00", "\r", "\n\n", "0" * 70000]
fuzz = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def read(folder, kind, text):
    """What comes of reading a text as a file of this kind: joints, a skeleton, or the documented error.

    Anything else fails the test.
    """
    path = folder / f"77_09{kind}"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    try:
        return (
            M.read_asf(path)
            if kind == ".asf"
            else M.read_clip(path, skeleton=FIXTURES / "77.asf" if kind == ".amc" else None)
        )
    except M.MocapError as e:
        assert e.name == path.name and e.expected and e.found and str(e).startswith(path.name)
        lines = path.read_text("utf-8-sig", errors="replace").count("\n")
        assert (e.line is None) == (e.column is None) and (e.line is None or 1 <= e.line <= lines + 2 and e.column >= 1)
        return e


def check(result):
    if isinstance(result, M._Clip):
        assert result.joints.shape[1:] == (17, 3) and len(result.joints) and np.isfinite(result.joints).all()


@st.composite
def mutated(draw, text):
    "A file with a few mistakes: parts cut, repeated, moved, or replaced by something else."
    for _ in range(draw(st.integers(1, 3))):
        lines = text.split("\n")
        if draw(st.booleans()):
            i, j = sorted(draw(st.tuples(*[st.integers(0, len(lines))] * 2)))
            k = draw(st.integers(0, len(lines)))
            lines = draw(
                st.sampled_from([lines[:i] + lines[j:], lines[:k] + lines[i : min(j, i + 40)] + lines[k:], lines[:i]])
            )
        else:
            i = draw(st.integers(0, len(lines) - 1))
            words = lines[i].split(" ")
            words[draw(st.integers(0, len(words) - 1))] = draw(
                st.sampled_from(TRICKY) | st.text(max_size=8) | st.floats().map(str)
            )
            lines[i] = " ".join(words)
        text = "\n".join(lines) or " "
    return text


@pytest.mark.parametrize("kind", TEXTS)
@fuzz
@given(data=st.data())
def test_mutated_files_give_joints_or_the_documented_error(tmp_path, kind, data):
    check(read(tmp_path, kind, data.draw(mutated(TEXTS[kind]))))


@pytest.mark.parametrize("kind", [*TEXTS, ".mat"])
@fuzz
@given(text=st.text() | st.binary(max_size=300))
def test_arbitrary_files_give_the_documented_error(tmp_path, kind, text):
    assert isinstance(read(tmp_path, kind, text), M.MocapError)


@fuzz
@given(text=mutated(TEXTS[".amc"]))
def test_the_fast_route_reads_what_the_plain_rule_reads(text):
    def rows(fast):
        out = []
        try:
            out.extend(M._amc_rows(M._Reader(io.StringIO(text), "a.amc", "#"), PERSON, fast))
        except M.MocapError as e:
            return e.line, e.column
        return out

    assert rows(True) == rows(False)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(1, 4))
def test_what_is_written_is_read_and_limbs_keep_their_length(seed, frames):
    rows = np.random.default_rng(seed).uniform(-180, 180, (frames, PERSON.columns)).tolist()
    lines = [":DEGREES"]
    for i, row in enumerate(rows, 1):
        lines += [str(i)] + [
            f"{name} " + " ".join(map(repr, row[first : first + count]))
            for name, (first, count) in M._columns_of(PERSON).items()
        ]
    found = list(M._amc_rows(M._Reader(io.StringIO("\n".join(lines)), "a.amc", "#"), PERSON))
    assert found == rows
    joints = M._joints_of(PERSON, found)
    lengths = np.linalg.norm(joints - joints[:, [max(p, 0) for p in PARENTS]], axis=-1)[:, LIMBS]
    assert np.ptp(np.concatenate([lengths, lengths[:, [2, 3, 0, 1, 6, 7, 4, 5]]]), axis=0).max() < 1e-6, (
        "left and right limbs of the invented person are alike"
    )


@pytest.mark.parametrize(
    "kind, text",
    {
        "deep": (
            ".bvh",
            "HIERARCHY\nROOT a\n{\n"
            + "OFFSET 0 0 0\nJOINT b%d\n{\n" * 3 % (1, 2, 3)
            + "".join(f"OFFSET 0 0 0\nJOINT c{i}\n{{\n" for i in range(200_000)),
        ),
        "one endless line": (".bvh", "HIERARCHY " * 2_000_000),
        "no end of channels": (".bvh", "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 999999999\n"),
        "more frames than there are": (".bvh", TEXTS[".bvh"].replace("Frames: 25", "Frames: 999999999")),
        "no digit is missing": (".bvh", TEXTS[".bvh"].replace("Frames: 25", "Frames: " + "9" * 6000)),
        "many bones": (
            ".asf",
            ":bonedata\n"
            + "".join(f"begin\nname b{i}\ndirection 0 1 0\nlength 1\naxis 0 0 0 XYZ\nend\n" for i in range(50_000)),
        ),
        "one bone again and again": (".amc", ":DEGREES\n1\n" + "ltibia 5\n" * 300_000),
        "blank": (".amc", "\n" * 200_000),
    }.values(),
    ids=lambda x: x if len(x) < 9 else "",
)
def test_hostile_files_are_refused_at_once(tmp_path, kind, text):
    start = time.perf_counter()
    assert isinstance(read(tmp_path, kind, text), M.MocapError)
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b"\xef\xbb\xbf" + b,
        lambda b: b.replace(b"nowhere", b"caf\xe9"),
        lambda b: b.replace(b"\r\n", b"\n"),
        lambda b: b.replace(b"\r\n", b"\r"),
        lambda b: b.replace(b" ", b"\t"),
        lambda b: b.rstrip(),
        lambda b: b + b"\n\n",
        lambda b: b.replace(b"\r\n2\r\n", b"\r\n# two\r\n2\r\n\r\n"),
    ],
)
def test_encodings_line_ends_and_comments_do_not_matter(tmp_path, change):
    clip = read(tmp_path, ".amc", change((FIXTURES / "77_01.amc").read_bytes()))
    assert np.array_equal(clip.joints, M.read_clip(FIXTURES / "77_01.amc").joints)


def test_the_spelling_of_3dsmax_is_read_too(tmp_path):
    text = TEXTS[".bvh"]
    here, there = (M._BVH_NAMES[k].split() for k in ("motionbuilder", "max"))
    names = dict(zip(here, there)) | {
        "LeftShoulder": "LeftCollar",
        "RightShoulder": "RightCollar",
        "Spine1": "Chest2",
        "Neck1": "Neck",
    }
    words = [
        names.get(w, w) if not w.endswith("_end") else w
        for w in text.replace("\n", " \n ").replace("\t", " ").split(" ")
    ]
    clip = read(tmp_path, ".bvh", " ".join(words))
    assert np.allclose(clip.joints, M.read_clip(FIXTURES / "77_01.amc").joints, atol=1e-2)


@pytest.mark.parametrize("tool", [name for name in M._BVH_NAMES if name != "max"])
def test_the_spellings_of_other_tools_are_read_too(tmp_path, tool):
    names = dict(zip(M._BVH_NAMES["motionbuilder"].split(), M._BVH_NAMES[tool].split()))
    names |= dict(LeftShoulder="a collar", RightShoulder="another collar", Spine1="Chest2")
    text = re.sub(r"(ROOT|JOINT) (\w+)", lambda m: f"{m[1]} mixamorig:{names.get(m[2], m[2])}", TEXTS[".bvh"])
    assert np.allclose(read(tmp_path, ".bvh", text).joints, M.read_clip(FIXTURES / "77_01.bvh").joints, atol=1e-3)


@pytest.mark.parametrize("added", [False, True])
def test_positions_of_every_joint_replace_its_offset_or_come_on_top(tmp_path, added):
    skeleton, rows = TEXTS[".bvh"].split("MOTION\n")
    offsets = [o.split() for o in re.findall(r"OFFSET (.*)\n\s*CHANNELS 3", skeleton)]
    six = skeleton.replace("CHANNELS 3", "CHANNELS 6 Xposition Yposition Zposition")
    head, lines = rows.splitlines()[:2], []
    for line in rows.splitlines()[2:]:
        row = line.split()
        inner = [row[i : i + 3] for i in range(6, len(row), 3)]
        moved = [[*(["0"] * 3 if added else o), *turn] for o, turn in zip(offsets, inner)]
        lines.append(" ".join(row[:6] + sum(moved, [])))
    (tmp_path / "six.bvh").write_text("\n".join([six + "MOTION", *head, *lines]), encoding="utf-8")
    here, there = (
        M.read_clip(p, quirks=M._Quirks(restore=False)) for p in (tmp_path / "six.bvh", FIXTURES / "77_01.bvh")
    )
    assert np.allclose(here.joints, there.joints, atol=1e-3)


def test_the_up_axis_is_found_or_asked_for(tmp_path):
    "The skeleton of a file with z up has its offsets, channels and positions so."
    onto = dict(X="Y", Y="Z", Z="X")
    text = re.sub(r"OFFSET (\S+) (\S+) (\S+)", r"OFFSET \3 \1 \2", TEXTS[".bvh"])
    text = re.sub(r"([XYZ])(position|rotation)", lambda m: onto[m[1]] + m[2], text)
    right = M.read_clip(FIXTURES / "77_01.bvh").joints
    assert np.allclose(read(tmp_path, ".bvh", text).joints, right, atol=1e-3)
    (tmp_path / "z.bvh").write_text(text, encoding="utf-8")
    asked = M.read_clip(tmp_path / "z.bvh", quirks=M._Quirks(up="y"))
    assert np.allclose(asked.joints, right[..., [2, 0, 1]], atol=1e-3)
    with pytest.raises(ValueError, match="choose one of x, y, z"):
        M.Mocap(tmp_path, up="up").write(tmp_path / "poses.npz")


def test_the_fixtures_are_what_their_program_writes(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("make_mocap", FIXTURES / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    monkeypatch.setattr(make, "FOLDER", tmp_path)
    make.main()
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (FIXTURES / path.name).read_bytes()


def long_file(folder, times):
    header, frames = TEXTS[".amc"].split(":DEGREES\n")
    path = folder / f"77_{times}.amc"
    path.write_text(header + ":DEGREES\n" + frames * times, encoding="utf-8")
    return path


def test_memory_does_not_grow_with_the_file(tmp_path):
    peaks = []
    for times in (30, 120):
        path, n = long_file(tmp_path, times), 0
        tracemalloc.start()
        for block in M._stream_clip(path, skeleton=FIXTURES / "77.asf").blocks:
            n += len(block)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert n == 24 * times
    assert peaks[1] < 1.1 * peaks[0] < 30e6


@pytest.fixture
def folder(tmp_path):
    "Four clips of one person, one of them cut."
    root = tmp_path / "cmu" / "77"
    root.mkdir(parents=True)
    shutil.copy(FIXTURES / "77.asf", root)
    for i in range(1, 5):
        (root / f"77_0{i}.amc").write_text(TEXTS[".amc"] if i != 3 else TEXTS[".amc"][:-300], encoding="utf-8")
    return root.parent


def test_an_interrupted_folder_goes_on_and_gives_the_same(folder, tmp_path, monkeypatch):
    whole = M.mocap_poses(folder, fps=60, progress=False)
    read, stream = [], M._stream_clip

    def counted(path, *args):
        if len(read) == 3:
            raise KeyboardInterrupt
        read.append(path.name)
        return stream(path, *args)

    monkeypatch.setattr(M, "_stream_clip", counted)
    job = M.Mocap(folder, fps=60)
    with pytest.raises(KeyboardInterrupt):
        job.write(tmp_path / "poses.npz", progress=False)
    assert (
        read == ["77_01.amc", "77_02.amc", "77_03.amc"]
        and not (tmp_path / "poses.npz").exists()
        and len(list((tmp_path / "poses.parts").iterdir())) == 2
    )
    read.clear()
    damaged = min((tmp_path / "poses.parts").iterdir())
    damaged.write_bytes(damaged.read_bytes()[:500])
    made = job.write(tmp_path / "poses.npz", progress=False)
    assert len(read) == 3, "one file was kept, one kept badly, two had not been read or could not be"
    poses, about = read_poses(tmp_path / "poses.npz")
    assert (
        np.array_equal(poses, whole.poses)
        and np.array_equal(poses, made.poses)
        and not (tmp_path / "poses.parts").exists()
    )
    assert about["clips"] == {f"77/77_0{i}.amc": 12 for i in (1, 2, 4)} and "line" in about["skipped"]["77/77_03.amc"]


def test_a_changed_file_is_read_again(folder, tmp_path):
    first = M.mocap_poses(folder, keep=tmp_path / "kept", progress=False)
    (folder / "77/77_03.amc").write_text(TEXTS[".amc"], encoding="utf-8")
    (folder / "77/77.asf").write_text(TEXTS[".asf"].replace("axis 180 -30 -90", "axis 180 -20 -90"), encoding="utf-8")
    second = M.mocap_poses(folder, keep=tmp_path / "kept", progress=False)
    assert len(second.clips) == 4 and len(first.clips) == 3 and not np.array_equal(first.poses[0], second.poses[0])


@functools.cache
def mads_bytes(compressed):
    "Four frames of MADS, written by scipy."
    cells, file = np.empty((1, 4), object), io.BytesIO()
    for i in range(4):
        cells[0, i] = unpaired_poses(4, upright=True)[i, :15] + [0, 0, 900]
    savemat(file, {"note": "nothing", "GTpose2": cells}, do_compression=compressed)
    return file.getvalue()


@pytest.mark.parametrize("compressed", [False, True])
@fuzz
@given(data=st.data())
def test_mutated_matlab_files_give_joints_or_the_documented_error(tmp_path, compressed, data):
    raw = bytearray(mads_bytes(compressed))
    for at, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(raw) - 1), st.integers(0, 255)), min_size=1, max_size=4)
    ):
        raw[at] = value
    check(read(tmp_path, ".mat", bytes(raw[: data.draw(st.just(len(raw)) | st.integers(0, len(raw)))])))


# ---- Real recordings --------------------------------------------------------------------------------------------

CMU = SAMPLES / "cmu"


@needs_samples("cmu")
def test_every_recording_is_read_and_stands_upright():
    files, left_out = M._motion_files(CMU)
    assert len(files) == 9 and [Path(p).name for p in left_out] == ["01_01.bvh"]
    for path in files:
        clip = M.read_clip(path, 12)
        assert abs(clip.fps - 12) < 0.01 and np.ptp(clip.joints, 0).max() > 100
        up = clip.joints[:, JOINT_NAMES.index("head_top"), 2] - clip.joints[
            :, joint_index("l_ankle", "r_ankle"), 2
        ].mean(1)
        assert 1000 < np.median(up) < 1900, f"{path.name}: {np.median(up)} mm from ankles to head"


@needs_samples("cmu")
@pytest.mark.parametrize("restore, at_most", [(False, 215), (True, 6)])
def test_both_formats_of_one_recording_agree(restore, at_most):
    folder = CMU / "asf_amc/fairmotion"
    amc, bvh = M.read_clip(folder / "01_01.amc"), M.read_clip(folder / "01_01.bvh", quirks=M._Quirks(restore=restore))
    distance = np.linalg.norm(amc.joints - bvh.joints, axis=-1)
    assert distance.shape == (2751, 17) and distance[:, :8].max() < 0.02 and distance.max() < at_most
    assert np.allclose(
        distance[:, joint_index("thorax", "head_top", "l_shoulder")], 5.3 if restore else 116.55, atol=0.1
    )


@needs_samples("cmu")
def test_the_first_frame_goes_only_where_it_is_no_motion():
    for path in sorted((CMU / "bvh").glob("*.bvh")) + [CMU / "asf_amc/fairmotion/01_01.bvh"]:
        stated = int(
            next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("Frames:")).split()[
                1
            ]
        )
        assert len(M.read_clip(path).joints) == stated - path.name.startswith("01")
