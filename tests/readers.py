"""Every reader of files, a small file that each reads, and a fuzzer: a right value, or the documented error that names the file.

`fuzz` runs in a child process: a crash, a hang or a greedy allocation ends that process, not the tests.
"""

import hashlib
import io
import json
import os
import pickle
import resource
import select
import signal
import struct
import sys
import tempfile
import traceback
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
import yaml
from PIL import Image
from scipy.io import savemat

from pgp_nb import finding, puppet
from pgp_nb.conventions import EXAMPLE_POSE
from pgp_nb.datasets import human36m, lsp, mocap, mpi_inf_3dhp, samples, videos
from pgp_nb.datasets.films import Film
from pgp_nb.datasets.matlab import read_mat
from pgp_nb.engine import config, results, runs
from pgp_nb.engine.images import read_image
from pgp_nb.networks import PGPNet, load_net, save_net

FIXTURES = Path(__file__).parent / "fixtures"
SECONDS, MEMORY = 5, 3 << 30  # of processor time and bytes, for one input
SILENT = 120  # s without an answer: it waits for something that never comes


class Reader(NamedTuple):
    "What reads a kind of file."

    name: str
    file: str  # name of the file; its ending matters to some readers
    seed: Callable[[Path], Any]  # writes a whole file
    read: Callable[[Path], Any]
    kind: str = "bytes"  # how it is damaged: bytes, text, json, zip, tensors
    errors: tuple = (ValueError,)
    cost: float = 1.0  # ms of a read, about


# Files that each reader reads.


def three_frames(kind):
    "The first frames of the fixture of motion capture."
    text = (FIXTURES / "mocap/77_01").with_suffix(kind).read_text(encoding="utf-8")
    if kind == ".bvh":
        head, rows = text.split("Frames:")
        return f"{head}Frames: 3\n" + "\n".join(rows.split("\n")[1:5]) + "\n"
    return text[: text.index("\n4\n") + 1]


def write_text(text):
    return lambda path: path.write_text(text if isinstance(text, str) else text(), encoding="utf-8")


def write_mat(compressed=False, **arrays):
    return lambda path: savemat(path, arrays, do_compression=compressed)


def cells(arrays):
    out = np.empty((len(arrays), 1), object)
    for i, a in enumerate(arrays):
        out[i, 0] = a
    return out


def rng():
    return np.random.default_rng(0)


def picture(kind, mode="RGB", **options):
    def write(path):
        pixels = Image.fromarray(rng().integers(0, 256, (24, 20, 3), np.uint8)).convert(mode)
        exif = Image.Exif()
        exif[0x0112] = 6
        pixels.save(path, kind, exif=exif, **options)

    return write


def film(code):
    def write(path):
        out = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 12.5, (48, 32))
        for k in range(8):
            out.write(cv2.resize(rng().integers(0, 256, (4, 6, 3), np.uint8), (48, 32)) // (k + 1))
        out.release()

    return write


def read_film(path):
    film = Film(path)
    film.pieces(20.0)
    return [frame.shape for frame in film.frames(film.every(10.0)[:12] or [0])]


def frames_of(n=2, size=16):
    "Samples of noise."
    g = rng()
    image = lambda *shape: g.integers(0, 256, shape, np.uint8)
    unknown = np.full((2, 3, 3), np.nan, np.float32)
    joints = np.full((2, 17, 3), np.nan, np.float32)
    cameras = (unknown, unknown[..., 0], unknown)
    parts = np.full((2, size, size), 255, np.uint8)
    return [
        samples.Sample(
            image(2, size, size, 3), image(2, size, size), parts, joints, joints[..., :2], *cameras, f"noise/{i}"
        )
        for i in range(n)
    ]


def write_shard(path):
    data = samples._pack_samples(frames_of(), 16, {"key": "", "skips": []})
    path.write_bytes(data)


def write_prepared(path):
    samples.write_samples(frames_of(), path.parent, {"loader": "noise"}, progress=False)


def read_prepared(path):
    return samples.read_samples(path.parent).images.shape


def small_net():
    torch.manual_seed(0)
    return PGPNet(config.changed(config.load_config("tiny"), size=32, width=8, pose_features=32).network)


def write_stretch(path):
    joints = np.zeros((3, 17, 3))
    found = finding.Found(
        0,
        np.arange(3),
        np.arange(3) / 10,
        (32, 48),
        np.ones((3, 4)),
        np.ones((3, 3)),
        joints,
        joints[:, 0],
        joints[..., :2],
        joints[..., :2],
        np.ones(3, bool),
        np.zeros((3, 8, 8), np.uint8),
        np.zeros(3, bool),
        [""] * 3,
    )
    finding._write_stretch(path, [found])


def read_boxes(path):
    names = [[path.stem, "0", "1", "img"]]
    return videos.load_detector(path, (640, 480))(np.zeros((1, 32, 48, 3), np.uint8), names)


def crashes(path, *_):
    "`videos._crashes` for many files: in a fork instead of a new process."
    process = os.fork()
    if not process:
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.argv = ["-c", str(path), *map(str, videos._INPUT_SIDES)]
        try:
            exec(videos._TRIAL, {})
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


def read_network(path):
    videos._crashes = crashes
    return read_boxes(path)


def write_onnx(path):
    from test_videos import write_network

    write_network(path, (32, 16, 16, 24))


COCO = dict(
    images=[dict(id=7, file_name="a/img.jpg")],
    categories=[dict(id=1, name="person")],
    annotations=[dict(image_id=7, category_id=1, bbox=[1, 2, 10, 20], score=0.5)],
)
CURVE = "".join(json.dumps(dict(iteration=i, loss=1 / (i + 1))) + "\n" for i in range(9))
TABLE = "run,commit,config_hash,decoder,config.lr,pa_mpjpe\nmine,abc,def,trained,0.001,88.5\n"


def write_cdf(path):
    import cdflib

    spec = dict(Variable="Pose", Data_Type=44, Num_Elements=1, Rec_Vary=True, Dim_Sizes=[4, 96])
    out = cdflib.cdfwrite.CDF(path, delete=True)
    out.write_var(spec, var_data=rng().normal(size=(1, 4, 96)))
    out.close()


def write_h5(path):
    import h5py
    from make_mpi_inf_3dhp import extrinsics, poses, project, theirs, universal

    ours = poses("S9", 6) + extrinsics(0)[1]
    with h5py.File(path, "w") as f:
        f["valid_frame"], f["activity_annotation"] = np.ones((6, 1)), np.ones((6, 1))
        x = theirs(ours, "mpi_inf_3dhp_test")
        f["annot2"], f["annot3"] = theirs(project(ours), "mpi_inf_3dhp_test")[:, None], x[:, None]
        f["univ_annot3"] = universal(x, 14)[:, None]


def write_annotations(path):
    g = rng()
    savemat(
        path,
        dict(
            annot2=cells([g.normal(size=(3, 56)) for _ in range(2)]),
            annot3=cells([g.normal(size=(3, 84)) for _ in range(2)]),
            univ_annot3=cells([g.normal(size=(3, 84)) for _ in range(2)]),
            cameras=np.arange(2)[None],
        ),
    )


def write_videopose3d(path):
    import make_human36m

    with tempfile.TemporaryDirectory() as folder:
        make_human36m.write_videopose3d(Path(folder) / "v")
        path.write_bytes((Path(folder) / "v/h36m_dataset.py").read_bytes())


def write_metadata(path):
    import make_human36m

    make_human36m.write_metadata(path)


def write_cameras(path):
    from make_human36m import rotation_of

    column = lambda *v: np.array(v, float)[:, None]
    inner = dict(T=column(1, 2, 3), c=column(60, 61), f=column(130, 131), k=column(0, 0, 0), p=column(0, 0))
    arrays = {f"S1/54138969/{k}": v for k, v in (inner | dict(R=rotation_of("S1", 0).T)).items()}
    np.savez(path, **arrays)


def write_mmpose(path):
    names = np.array([f"S1/S1_Directions_1.54138969/S1_Directions_1.54138969_{i:06d}.jpg" for i in (1, 6)])
    np.savez(path, imgname=names, S=rng().normal(size=(2, 17, 4)))


def write_calibration(path):
    from make_mpi_inf_3dhp import write_calibration

    write_calibration(path)


def set_option(path):
    "A word after --set, as it stands in a file for this test."
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    return config.load_config("tiny", config.merge({}, config.parse_assignment(text)))


def write_checkpoint(path):
    torch.save(dict(config={}, iteration=3, net={"w": torch.zeros(4)}, best=None), path)


def read_checkpoint(path):
    return runs._read_checkpoint(path.parent)


def write_puppet(path):
    puppet.Puppet.load().save(path)


def write_poses(path):
    poses = np.repeat(EXAMPLE_POSE[None].astype(np.float32), 3, 0)
    samples.write_poses(path, poses - poses[:, :1], {"from": "an example"})


CONFIG = "network: {size: 96}\nlr: 1e-3\nbatch_size: 8\nterms:\n  paint: {weight: 1.0}\nseed: 3\n"
PICTURES = dict(jpeg="JPEG", png="PNG", tiff="TIFF", webp="WEBP", gif="GIF", bmp="BMP", ico="ICO", ppm="PPM")
MOTION = mocap.MocapError
YAML = (ValueError, TypeError, yaml.YAMLError)
JOINTS = rng().uniform(0, 99, (3, 14, 5))

READERS = [
    Reader("BVH", "a.bvh", write_text(lambda: three_frames(".bvh")), mocap.read_clip, "text", (MOTION,), 3),
    Reader(
        "ASF",
        "a.asf",
        write_text((FIXTURES / "mocap/77.asf").read_text(encoding="utf-8")),
        mocap.read_asf,
        "text",
        (MOTION,),
        2,
    ),
    Reader(
        "AMC",
        "a.amc",
        write_text(lambda: three_frames(".amc")),
        lambda path: mocap.read_clip(path, skeleton=FIXTURES / "mocap/77.asf"),
        "text",
        (MOTION,),
        3,
    ),
    Reader("MADS", "a_GT.mat", write_mat(GTpose2=cells([rng().uniform(0, 600, (15, 3))] * 2)), mocap.read_clip),
    Reader("MATLAB", "joints.mat", write_mat(joints=JOINTS), lambda path: read_mat(path, "joints")),
    Reader("MATLAB, packed", "joints.mat", write_mat(True, joints=JOINTS), lambda path: read_mat(path, "joints")),
    Reader("joints of LSP", "joints.mat", write_mat(joints=JOINTS), lsp._read_joints),
    Reader("part labels", "a.png", lambda path: cv2.imwrite(str(path), np.zeros((9, 9), np.uint8)), lsp._read_labels),
    Reader("shard", "00000.npz", write_shard, lambda path: samples._unpack_samples(path.read_bytes(), 16), "zip"),
    Reader("shard to go on from", "00000.npz", write_shard, lambda path: samples._whole_shard(path, ""), "zip"),
    Reader("manifest", "manifest.json", write_prepared, read_prepared, "json"),
    Reader("poses", "poses.npz", write_poses, samples.read_poses, "zip"),
    Reader("puppet", "puppet.npz", write_puppet, puppet.Puppet.load, "zip", cost=6),
    Reader("weights", "weights.safetensors", lambda path: save_net(small_net(), path), load_net, "tensors", cost=30),
    Reader("checkpoint", "checkpoint.pt", write_checkpoint, read_checkpoint, "zip"),
    Reader("preset", "mine.yaml", write_text(CONFIG), config.load_config, "text", YAML, cost=7),
    Reader(
        "configuration of a run",
        "config.yaml",
        write_text(CONFIG),
        lambda path: runs.run_configuration(path.parent),
        "text",
        cost=10,
    ),
    Reader("--set", "option", write_text("terms.seg=0.5"), set_option, "text", YAML, cost=12),
    Reader("loss curve", "curve.jsonl", write_text(CURVE), runs.read_curve, "text"),
    Reader("table of results", "results.csv", write_text(TABLE), results.read_results, "text"),
    Reader("COCO", "img.json", write_text(json.dumps(COCO)), read_boxes, "json"),
    Reader("boxes of YOLO", "img.txt", write_text("0 0.5 0.5 0.2 0.4 0.9\n0 0.4 0.5 0.2 0.4\n"), read_boxes, "text"),
    Reader("ONNX detector", "net.onnx", write_onnx, read_network, cost=30),
    *(Reader(f"picture, {kind}", f"a.{kind}", picture(name), read_image) for kind, name in PICTURES.items()),
    Reader("film, MP4", "a.mp4", film("mp4v"), read_film, cost=10),
    Reader("film, AVI", "a.avi", film("MJPG"), read_film, cost=10),
    Reader("film, WebM", "a.webm", film("VP80"), read_film, cost=10),
    Reader("film, MKV", "a.mkv", film("mp4v"), read_film, cost=10),
    Reader("poses of Human3.6M", "Walking.cdf", write_cdf, human36m._read_cdf, cost=60),
    Reader("metadata.xml", "metadata.xml", write_metadata, human36m._cameras_from_metadata, "text", cost=10),
    Reader(
        "cameras of VideoPose3D",
        "h36m_dataset.py",
        write_videopose3d,
        human36m._cameras_from_videopose3d,
        "text",
        cost=20,
    ),
    Reader("cameras, converted", "cameras_plain.npz", write_cameras, human36m._cameras_from_mmpose, "zip"),
    Reader("annotation of mmpose", "h36m_train.npz", write_mmpose, human36m._read_mmpose.__wrapped__, "zip", cost=8),
    Reader(
        "pickled cameras",
        "cameras.pkl",
        lambda path: path.write_bytes(pickle.dumps({("S1", "1"): dict(R=np.eye(3), id="1", w=3)})),
        lambda path: human36m.convert_pickled(path, path.parent.parent / "plain.npz"),
    ),
    Reader("annot.mat of 3DHP", "annot.mat", write_annotations, mpi_inf_3dhp._read_annotations.__wrapped__),
    Reader("calibration of 3DHP", "camera.calibration", write_calibration, mpi_inf_3dhp._read_calibration, "text"),
    Reader("annot_data.mat of 3DHP", "annot_data.mat", write_h5, mpi_inf_3dhp._read_test.__wrapped__, cost=5),
    Reader("finished stretch", "00000.npz", write_stretch, finding._read_stretch, "zip"),
]

# How files are damaged.

NUMBERS = [0, 1, -1, 2**15, 2**31 - 1, -(2**31), 2**32 - 1, 2**40, 2**63 - 1, -(2**63)]
TOKENS = "nan inf -inf 1e999 -1 0 2 3.5 99999999999 1099511627776 {} [] null true ' \" : - & * ! % @ { } , ;".split()
TOKENS += [
    "",
    " ",
    "\n",
    "\x00",
    "\ufeff",
    "½",
    "٣",
    "a" * 5000,
    "0" * 400,
    "[" * 3000,
    "&a [*a]",
    "!!python/x",
    "1" * 5000,
]
VALUES = [None, True, 0, -1, 1.5, 2**40, float("nan"), float("inf"), "", "x", "../../x", [], {}, [1], [[0]], {"a": 1}]


def damaged_bytes(g, data):
    data = bytearray(data)
    for _ in range(g.integers(1, 6)):
        if not data:
            break
        i = int(g.integers(len(data) if g.random() < 0.6 else min(len(data), 400)))
        n = int(g.integers(1, 40))
        what = g.integers(8)
        if what < 3:
            data[i] = g.integers(256)
        elif what == 3:
            value = NUMBERS[g.integers(len(NUMBERS))]
            form = ("<", ">")[g.integers(2)] + ("i", "q")[g.integers(2)]
            raw = struct.pack(form[0] + "q", value)
            raw = raw if form[1] == "q" else raw[:4] if form[0] == "<" else raw[4:]
            data[i : i + len(raw)] = raw
        elif what == 4:
            del data[i : i + n]
        elif what == 5:
            data[i:i] = data[i : i + n]
        elif what == 6:
            data[i : i + n] = bytes(n)
        elif g.random() < 0.5:
            del data[i:]
        else:
            data[i:i] = g.bytes(n)
    return bytes(data) if g.random() > 0.01 else g.bytes(int(g.integers(0, 300)))


def damaged_text(g, data):
    if g.random() < 0.15:
        return damaged_bytes(g, data)
    text = data.decode("utf-8", "replace")
    for _ in range(1 + (g.random() < 0.3)):
        lines = text.split("\n")
        i = int(g.integers(len(lines)))
        if g.random() < 0.3:
            j = i + int(g.integers(1, 6))
            k = int(g.integers(len(lines)))
            lines = [lines[:i] + lines[j:], lines[:k] + lines[i:j] + lines[k:], lines[:i]][g.integers(3)]
        else:
            at = np.flatnonzero([not c.isalnum() and c != "." for c in lines[i]]).tolist() or [0]
            a = at[g.integers(len(at))]
            b = min((x for x in at if x > a), default=len(lines[i]))
            lines[i] = lines[i][: a + 1] + TOKENS[g.integers(len(TOKENS))] + lines[i][b:]
        text = "\n".join(lines)
    return text.encode("utf-8", "surrogatepass")


def damaged_value(g, value):
    "Something else at a random place of nested lists and mappings."
    if isinstance(value, (dict, list)) and value and g.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = keys[g.integers(len(keys))]
        value = value.copy()
        what = g.random()
        if what < 0.1:
            del value[key]
        elif what < 0.15 and isinstance(value, dict):
            value["x"] = value.pop(key)
        elif what < 0.2 and isinstance(value, list):
            value.append(value[key])
        else:
            value[key] = damaged_value(g, value[key])
        return value
    return VALUES[g.integers(len(VALUES))]


def damaged_json(g, data):
    if g.random() < 0.3:
        return damaged_text(g, data)
    return json.dumps(damaged_value(g, json.loads(data))).encode()


def damaged_zip(g, data):
    "A member is damaged and packed again, so that all checksums hold."
    if g.random() < 0.3:
        return damaged_bytes(g, data)
    members = {}
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        members = {name: z.read(name) for name in z.namelist()}
    name = list(members)[g.integers(len(members))]
    what = g.random()
    if what < 0.1:
        del members[name]
    elif what < 0.2:
        members["x" + name] = members.pop(name)
    elif what < 0.6 and members[name][:6] == b"\x93NUMPY":
        members[name] = damaged_array(g, members[name])
    else:
        members[name] = damaged_bytes(g, members[name])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in members.items():
            z.writestr(name, content)
    return out.getvalue()


SHAPES = [(), (0,), (1,), (2**40,), (2**20, 2**20), (-1,), (3, 0), (2, 17, 3), (2**62, 4)]
KINDS = ["<f8", "<f4", ">f4", "|u1", "<i8", "|b1", "|O", "<U7", "<c16", "<M8[s]", "|V8", "<f2"]


def damaged_array(g, data):
    "An array file whose header announces something else."
    if g.random() < 0.3:
        array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
        array = np.resize(
            array.astype("f8", copy=False) if array.dtype.kind in "iufb" else array, SHAPES[g.integers(3)]
        )
        if array.dtype.kind == "f" and array.size:
            array.flat[g.integers(array.size)] = (np.nan, np.inf, 1e300, -1)[g.integers(4)]
        out = io.BytesIO()
        np.lib.format.write_array(out, array)
        return out.getvalue()
    shape, kind = SHAPES[g.integers(len(SHAPES))], KINDS[g.integers(len(KINDS))]
    head = repr({"descr": kind, "fortran_order": bool(g.integers(2)), "shape": shape}).encode()
    start = 10 + struct.unpack_from("<H", data, 8)[0]
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return data[:8] + struct.pack("<H", len(head)) + head + data[start:]


def damaged_tensors(g, data):
    "The header of a safetensors file, or its bytes."
    if g.random() < 0.4:
        return damaged_bytes(g, data)
    n = struct.unpack_from("<Q", data)[0]
    head = json.loads(data[8 : 8 + n])
    if g.random() < 0.5:
        about = head["__metadata__"]
        about["network"] = json.dumps(damaged_value(g, json.loads(about["network"])))
    else:
        head = damaged_value(g, head)
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + n :]


DAMAGE = dict(bytes=damaged_bytes, text=damaged_text, json=damaged_json, zip=damaged_zip, tensors=damaged_tensors)


# Running them.


class Outcome(NamedTuple):
    "What came of some inputs."

    values: int  # read
    errors: int  # refused with the documented error
    failures: list[tuple[int, str]]  # number of the input, and what happened


def generator_of(name, i):
    return np.random.default_rng([int(hashlib.sha256(name.encode()).hexdigest()[:8], 16), i])


def one(reader, whole, folder, i):
    "What is wrong with the reading of one input: '' nothing, 'refused' the documented error."
    path = folder / reader.file
    data = DAMAGE[reader.kind](generator_of(reader.name, i), whole)
    path.write_bytes(data)
    there = set(folder.iterdir())
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    said = "value"
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            reader.read(path)
        except reader.errors as e:
            named = any(p.name in str(e) or p.stem in str(e) for p in there) or reader.name in ("--set", "shard")
            said = "error" if named else f"names no file: {type(e).__name__}: {e}"
        except TooLong:
            said = f"takes more than {SECONDS} s"
        except MemoryError:
            said = "asks for gigabytes: " + traceback.format_exc(limit=-2).replace("\n", " ")
        except BaseException as e:
            said = f"{type(e).__name__}: {e} " + traceback.format_exc(limit=-2).replace("\n", " ")
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    if len(warned) > 5:
        said = f"warns {len(warned)} times: {warned[0].message}"
    if path.read_bytes() != data:
        said = "changes the file"
    if set(folder.iterdir()) != there:
        said = f"leaves {set(folder.iterdir()) - there}"
    return said


class TooLong(BaseException):
    "No `Exception`: a reader that turns every exception into its own error would hide it."


def alarm(*_):
    raise TooLong


def child(reader, whole, folder, start, stop, out):
    "Inputs one after the other; what came of each goes down the pipe before the next begins."
    signal.signal(signal.SIGPROF, alarm)
    used = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 2)
    for i in range(start, stop):
        out.write(json.dumps(one(reader, whole, folder, i)) + "\n")
        out.flush()


def answers(pipe):
    "What a child says of its inputs, until it is silent for too long."
    rest = b""
    while select.select([pipe], [], [], SILENT)[0] and (data := os.read(pipe, 1 << 16)):
        *whole, rest = (rest + data).split(b"\n")
        yield from map(json.loads, whole)


def fuzz(reader: Reader, inputs: int, first: int = 0) -> Outcome:
    "Damaged files for a reader, the same ones each time."
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"
    values = errors = 0
    failures: list[tuple[int, str]] = []
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        folder = Path(name) / "files"
        folder.mkdir()
        path = folder / reader.file
        reader.seed(path)
        whole = path.read_bytes()
        reader.read(path)  # a whole file is read
        i, stop = first, first + inputs
        while i < stop:
            ours, theirs = os.pipe()
            process = os.fork()
            if not process:
                os.close(ours)
                try:
                    with os.fdopen(theirs, "w", encoding="utf-8") as out:
                        child(reader, whole, folder, i, stop, out)
                finally:
                    os._exit(0)
            os.close(theirs)
            for said in answers(ours):
                values, errors = values + (said == "value"), errors + (said == "error")
                if said not in ("value", "error"):
                    failures.append((i, said))
                i += 1
            os.close(ours)
            os.kill(process, signal.SIGKILL)  # it is through, dead, or hangs
            status = os.waitpid(process, 0)[1]
            if i < stop:
                failures.append((i, "hangs" if status == signal.SIGKILL else f"ends the process, signal {status}"))
                i += 1
    return Outcome(values, errors, failures)
