"""On a real GPU, and skipped where there is none.

Losses and predictions are the CPU's, recorded iterations are those that Python asks for one by one, a run stops and
goes on, bfloat16 and compiled networks stay close.
"""

import pytest
import torch

from pgp_nb.engine.config import changed
from pgp_nb.engine.parallel import normal
from pgp_nb.puppet import Puppet
from pgp_nb.training import Trainer, step
from small_runs import LEVELS, at_level, predicted, six_iterations, small_run, toy_data, whole_run

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    "No TF32, and puppets drawn in one way on both devices."
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(Puppet, "_windowed", Puppet._stacked)


def course(cfg, device, same_numbers=False, recorded=True):
    "The losses of each iteration; with `same_numbers` random ones are drawn by the CPU."
    trainer = Trainer(cfg, toy_data(), device)
    trainer.cuda_graphs = recorded
    if same_numbers:
        trainer.randomness = [torch.Generator() for _ in trainer.randomness]
    return [step(trainer) for _ in range(cfg.stages.iterations)], trainer


def close(one, other, **tolerance):
    assert len(one) == len(other)
    for a, b in zip(one, other):
        assert a.keys() == b.keys()
        for k in a:
            assert b[k] == pytest.approx(a[k], **tolerance), k


def test_recorded_iterations_are_those_that_python_asks_for():
    joining = dict(self_training=dict(start=2), paint=dict(cutouts=0.5, cutouts_start=4))
    cfg = changed(small_run(), iterations=12, bootstrap=12, warmup=0, terms=joining)
    (plain, _), (played, trainer) = course(cfg, "cuda", recorded=False), course(cfg, "cuda")
    assert trainer.recorded is not None
    close(plain, played, rel=1e-3, abs=1e-4)


def test_recorded_supervision_is_that_which_python_asks_for():
    cfg = at_level(small_run(), "full", iterations=8, bootstrap=0, warmup=0, lr=1e-3)
    (plain, _), (played, trainer) = course(cfg, "cuda", recorded=False), course(cfg, "cuda")
    assert trainer.recorded is not None
    close(plain, played, rel=2e-2, abs=1e-3)


def test_numbers_that_a_gpu_draws_follow_the_seed():
    drawn = lambda seed: normal((2, 3, 64, 64), torch.Generator("cuda").manual_seed(seed))
    assert drawn(1).is_cuda and abs(drawn(1).std() - 1) < 0.05
    assert torch.equal(drawn(1), drawn(1)) and not torch.equal(drawn(1), drawn(2))


def test_a_run_stops_and_goes_on(tmp_path):
    metrics = whole_run(tmp_path, "cuda")
    assert metrics["iterations"] == 6 and 0 < metrics["pa_mpjpe"] < 1000


def test_predictions_are_those_of_the_cpu():
    here, there = predicted("cpu"), predicted("cuda")
    assert (here["joints_3d"] - there["joints_3d"].cpu()).norm(dim=-1).max() < 1
    assert (here["parts"] == there["parts"].cpu()).float().mean() > 0.999


@pytest.mark.parametrize("kind", LEVELS)
def test_the_losses_are_those_of_the_cpu(kind):
    cfg = six_iterations(kind)
    close(course(cfg, "cpu")[0], course(cfg, "cuda", same_numbers=True)[0], rel=1e-2, abs=1e-3)


@pytest.mark.parametrize("how", [dict(precision="bfloat16"), dict(compile=True)], ids=str)
def test_faster_ways_stay_close(how):
    cfg = changed(small_run(), iterations=6, bootstrap=6, warmup=0, terms=dict(self_training=dict(start=0)))
    plain, faster = (course(c, "cuda", recorded=False)[0][:3] for c in (cfg, changed(cfg, **how)))
    close(plain, faster, rel=0.1, abs=0.02)
