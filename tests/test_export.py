"An exported network, run where importing PyTorch fails, says what the library says."

import importlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers import python
from pgp_nb.commands import pgp_command
from pgp_nb.engine.config import NetworkConfig
from pgp_nb.export import OnnxJoints
from pgp_nb.networks import PGPNet, save_net
from pgp_nb.prediction import PGP

pytest.importorskip("onnx", reason="onnx is not installed: nothing can be exported")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: what is exported cannot be run")

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # importing it fails
import numpy as np
from mine_joints import OnnxJoints
with np.load("photos.npz") as f:
    found = OnnxJoints("mine.onnx", threads=1).predict(list(f["images"]), list(f["boxes"]))
assert not [name for name in sys.modules if name.startswith(("torch.", "pgp_nb"))]
np.savez("found.npz", **found)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    "The folder of a run with a small network, what `pgp-nb export` makes of it, and three noisy pictures."
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    net = PGPNet(NetworkConfig(size=64, backbone="efficientnet_lite0", imagenet=None, silhouette=8))
    save_net(net, folder / "weights.safetensors")
    images = np.random.default_rng(0).integers(0, 255, (3, 90, 70, 3), dtype=np.uint8)
    np.savez(folder / "photos.npz", images=images, boxes=[(5, 5, 50, 80), (0, 0, 70, 90), (-10, 20, 40, 100)])
    assert pgp_command(["export", str(folder), "--out", str(folder / "mine.onnx")]) == 0
    return folder


def photos(run):
    with np.load(run / "photos.npz") as f:
        return list(f["images"]), list(f["boxes"])


def assert_same(found, run, **options):
    "Joints found in the photos by an exported network, and by the library."
    expected = PGP.from_run(run, "cpu").predict_crops(*photos(run), what="joints", **options)
    for name in ("joints_3d", "joints_2d", "points_2d", "canonical"):
        a, b = found[name], getattr(expected, name).numpy()
        assert a.shape == b.shape and np.abs(a - b).max() < 1e-3 * np.abs(b).max(), name


def test_an_exported_network_says_the_same_without_torch(run):
    done = python("-c", WITHOUT_TORCH, cwd=run)
    assert done.returncode == 0, done.stderr
    with np.load(run / "found.npz") as found:
        assert_same(found, run, flip_test=False)


def test_the_written_lines_run_in_a_terminal(run):
    cv2.imwrite(str(run / "photo.png"), photos(run)[0][0])
    rows = python(run / "mine_joints.py", run / "photo.png", 5, 5, 50, 80).stdout.splitlines()
    assert rows[0] == "joint,x_px,y_px,x_mm,y_mm,z_mm" and len(rows) == 18 and rows[1].startswith("pelvis,")


def test_the_written_lines_say_what_is_wrong(run, monkeypatch):
    monkeypatch.syspath_prepend(run)
    monkeypatch.chdir(run)
    lines = importlib.import_module("mine_joints")
    cv2.imwrite("photo.png", photos(run)[0][0])
    Path("text.png").write_text("no picture", encoding="utf-8")
    wrong = {
        (): "usage: python mine_joints.py photo.jpg",
        ("photo.png", "5", "5"): "usage",
        ("photo.png", "5", "5", "a", "80"): "could not convert",
        ("photo.png", "900", "5", "950", "80"): "outside",
        ("text.png",): "text.png is no picture",
    }
    for words, said in wrong.items():
        with pytest.raises(ValueError, match=said):
            lines.main(*words)
    done = python(run / "mine_joints.py", "none.png", cwd=run)
    assert (done.returncode, done.stderr) == (1, "no file at none.png\n")


def test_a_fixed_batch_is_filled_up_and_the_flip_test_is_in_the_graph(run, capsys):
    out = run / "both.onnx"
    assert pgp_command(["export", str(run), "--out", str(out), "--batch", "2", "--flip-test"]) == 0
    said = capsys.readouterr().out
    assert "MB" in said and "opset 18" in said and "crops a second" in said and "both_joints.py runs it" in said
    network = OnnxJoints(out, threads=1)
    assert network.batch == 2
    assert_same(network.predict(*photos(run)), run)


def test_mistakes_are_said_in_one_line(run, capsys, monkeypatch):
    there, new = str(run / "mine.onnx"), str(run / "new.onnx")
    assert pgp_command(["export", str(run), "--out", there]) == 2
    (run / "lines_joints.py").write_text("of mine", encoding="utf-8")
    assert pgp_command(["export", str(run), "--out", str(run / "lines.onnx")]) == 2
    assert (run / "lines_joints.py").read_text(encoding="utf-8") == "of mine"
    assert pgp_command(["export", str(run), "--out", new, "--batch", "0"]) == 2
    monkeypatch.setattr("pgp_nb.export.find_spec", lambda name: None)
    assert pgp_command(["export", str(run), "--out", new]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 4 and "--force" in said[0] and "lines_joints.py is there already" in said[1]
    assert "at least one" in said[2] and "pgp_nb[onnx]" in said[3]
