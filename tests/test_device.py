"""Nothing is on the wrong device, and nothing waits for the device more than once an update: seen on a pretend one, where there is no GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils import backend_registration

from pgp_nb.engine.config import changed
from pgp_nb.engine.loading import RunData
from pgp_nb.engine.measure import HeldOut
from pgp_nb.engine.runs import train
from pgp_nb.prediction import PGP
from pgp_nb.puppet import Puppet
from pgp_nb.training import Trainer, step
from test_distributed import at_level, small_run, toy_data

ROOT = Path(__file__).parents[1]
KINDS = ("none", "weak", "multi_view", "semi", "full")

WORKER = """
import sys
from pathlib import Path
import torch
sys.path.insert(0, sys.argv[1])
from pretend_device import pretended, uploads, waits
from test_device import KINDS, course, predicted, same_way, whole_run
torch.set_num_threads(1)
same_way()
expected = {kind: course(kind, "cpu") for kind in KINDS}
folder, results = Path(sys.argv[2]), {}
with pretended() as device:
    for kind in KINDS:
        waits.clear()
        results[kind] = expected[kind], course(kind, device), list(waits)
    brought = {}
    for kind in ("none", "full"):
        course(kind, device, uploads.clear)
        brought[kind] = list(uploads)
    whole, prediction = whole_run(folder / "there", device), predicted(device)
torch.save(dict(courses=results, brought=brought, whole=(whole_run(folder / "here", "cpu"), whole), prediction=(predicted("cpu"), prediction)), folder / "results.pt")
"""


def same_way():
    "The CPU paints puppets window by window, a GPU whole images at once; to the last bit the same are two runs that do the same."
    Puppet._windowed = Puppet._stacked


def six_iterations(kind):
    "All stages, with cut-outs and pseudo-labels from the first iteration on."
    cfg = changed(small_run(), terms=dict(paint=dict(cutouts=0.5, cutouts_start=0), self_training=dict(start=0)))
    return at_level(cfg, kind, iterations=6, bootstrap=0 if kind == "full" else 2, warmup=0 if kind == "full" else 1)


def course(kind, device, begun=lambda: None):
    "The losses of six iterations, all stages among them; `begun` is called before the first."
    trainer = Trainer(six_iterations(kind), toy_data(), device)
    begun()
    return [step(trainer) for _ in range(6)]


def whole_run(folder, device):
    "Metrics of a run that stops, goes on, validates, keeps its best weights and is measured."
    data, cfg = toy_data(), changed(small_run(), iterations=6, bootstrap=2, warmup=1, validate_every=2)
    known = HeldOut(
        data.images[:, 0],
        dict(
            joints_3d=data.joints_3d[:, 0],
            joints_2d=data.joints_2d[:, 0],
            parts=torch.zeros(len(data.images), 32, 32, dtype=torch.long),
        ),
    )
    run_data, left = RunData(data, known, known), iter([False] * 4 + [True])
    train(cfg, folder, run_data, device=device, progress=False, stop=lambda: next(left))
    metrics = train(cfg, folder, run_data, device=device, progress=False)[1]
    metrics.pop("seconds")
    return metrics


def predicted(device):
    "What the shipped weights say of two pictures of noise, with the flip test."
    found = PGP.from_pretrained("unsup", device).predict(
        torch.rand(2, 3, 90, 70, generator=torch.Generator().manual_seed(0)), flip_test=True
    )
    return {k: v for k, v in found._asdict().items() if isinstance(v, torch.Tensor)}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
        pytest.skip("this PyTorch has no devices written in Python")
    folder = tmp_path_factory.mktemp("device")
    (folder / "worker.py").write_text(WORKER)
    done = subprocess.run(
        [sys.executable, str(folder / "worker.py"), str(ROOT / "tests"), str(folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(folder / "results.pt", weights_only=True)


@pytest.mark.parametrize("kind", KINDS)
def test_the_course_on_another_device_is_that_of_the_cpu(results, kind):
    here, there, _ = results["courses"][kind]
    assert there == here


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_waits_for_the_device_once_an_update(results, kind):
    here, _, waits = results["courses"][kind]
    assert set(waits) == {"check_finite"} and len(waits) <= 3 * len(here)


DRAWS = {
    "uniform",
    "normal",
    "draw_pairs",
    "draw_batch",
    "draw_frames",
    "take",
    "random_view",
    "natural_colors",
}  # bring there what the CPU has drawn; a GPU draws itself


@pytest.mark.parametrize("kind", ("none", "full"))
def test_a_step_brings_nothing_to_the_device_but_random_numbers(results, kind):
    brought = results["brought"][kind]
    assert "uniform" in brought and set(brought) <= DRAWS


def test_a_whole_run_on_another_device_ends_with_the_same_metrics(results):
    here, there = results["whole"]
    assert there == here and "pa_mpjpe" in here


def test_predictions_on_another_device_are_those_of_the_cpu(results):
    here, there = results["prediction"]
    assert here.keys() == there.keys() and len(here) > 3
    assert all(torch.equal(here[k], there[k]) for k in here)
