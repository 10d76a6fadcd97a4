"""Nothing is on the wrong device, and nothing waits for the device more than once an update.

Seen on a pretended one, where there is no GPU.
"""

import pytest
import torch
from torch.utils import backend_registration

from helpers import ROOT, python
from small_runs import LEVELS

WORKER = """
import sys
from pathlib import Path
import torch
sys.path.insert(0, sys.argv[1])
from pretend_device import pretended, uploads, waits
from pgp_nb.puppet import Puppet
from small_runs import LEVELS, predicted, six_losses, whole_run

torch.set_num_threads(1)
Puppet._windowed = Puppet._stacked  # as a GPU paints: whole images at once. Then both agree to the last bit.
expected = {kind: six_losses(kind, "cpu") for kind in LEVELS}
folder = Path(sys.argv[2])
courses, brought = {}, {}
with pretended() as device:
    for kind in LEVELS:
        waits.clear()
        courses[kind] = expected[kind], six_losses(kind, device), list(waits)
    for kind in ("none", "full"):
        six_losses(kind, device, uploads.clear)
        brought[kind] = list(uploads)
    run_there, prediction_there = whole_run(folder / "there", device), predicted(device)
whole = whole_run(folder / "here", "cpu"), run_there
prediction = predicted("cpu"), prediction_there
results = dict(courses=courses, brought=brought, whole=whole, prediction=prediction)
torch.save(results, folder / "results.pt")
"""


@pytest.fixture(scope="module")
def results(environment, tmp_path_factory):
    if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
        pytest.skip("this PyTorch has no devices written in Python")
    folder = tmp_path_factory.mktemp("device")
    (folder / "worker.py").write_text(WORKER, encoding="utf-8")
    done = python(folder / "worker.py", ROOT / "tests", folder, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(folder / "results.pt", weights_only=True)


@pytest.mark.parametrize("kind", LEVELS)
def test_the_course_on_another_device_is_that_of_the_cpu(results, kind):
    here, there, _ = results["courses"][kind]
    assert len(here) == len(there) > 3
    for ours, theirs in zip(here, there):  # carried appearance is summed in another order there
        assert theirs == pytest.approx(ours, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("kind", LEVELS)
def test_a_step_waits_for_the_device_once_an_update(results, kind):
    here, _, waits = results["courses"][kind]
    assert set(waits) == {"check_finite"} and len(waits) <= 3 * len(here)


# These bring there what the CPU has drawn; a GPU draws itself.
DRAWS = set("uniform normal _draw_pairs draw_batch draw_frames take random_view _natural_colors".split())


@pytest.mark.parametrize("kind", ("none", "full"))
def test_a_step_brings_nothing_to_the_device_but_random_numbers(results, kind):
    brought = results["brought"][kind]
    assert "uniform" in brought and set(brought) <= DRAWS


def test_a_whole_run_on_another_device_ends_with_the_same_metrics(results):
    here, there = results["whole"]
    assert there.keys() == here.keys() and "pa_mpjpe" in here
    for name, value in here.items():
        assert there[name] == pytest.approx(value, rel=1e-3), name


def test_predictions_on_another_device_are_those_of_the_cpu(results):
    here, there = results["prediction"]
    assert here.keys() == there.keys() and len(here) > 3
    assert all(torch.equal(here[k], there[k]) for k in here)
