"""Two processes that share a batch must train like one that sees all of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pgp_nb.engine.config import changed, load_config
from pgp_nb.engine.data import TrainData, random_view
from pgp_nb.engine.runs import read_curve
from pgp_nb.kinematics import canonicalise, forward_kinematics
from pgp_nb.training import Trainer, step

ROOT = Path(__file__).parents[1]
TOLERANCE = 1e-5

KINDS = ("none", "weak", "multi_view")
WORKER = """
import sys
import torch
from pgp_nb.engine.parallel import joined_processes, processes, rank
sys.path.insert(0, sys.argv[1])
from test_distributed import KINDS, train
torch.set_num_threads(1)
with joined_processes("cpu"):
    assert processes() == 2
    results = {kind: train(kind)[:2] for kind in KINDS}
    if rank() == 0: torch.save(results, sys.argv[2])
"""


LEVELS = dict(
    none={}, weak=dict(weak=1.0), multi_view=dict(multi_view=1.0), semi=dict(supervised=1.0), full=dict(supervised=1.0)
)


def at_level(cfg, kind, **values):
    "A configuration at a supervision level; at the full one nothing else is minimised."
    others = dict.fromkeys(cfg.terms, 0.0) if kind == "full" else {}
    return changed(cfg, terms=others | LEVELS[kind], **values)


def small_run(kind="none"):
    """Every stage within 20 iterations, or within 9 at the other supervision levels.

    The learning rate is low: at 1e-3 one process whose weights differ by 1e-7 from another's ends 5e-4 away from it, since Adam divides rounding errors by themselves; at 2e-5 (3e-5 at the other levels), on some processors, a running statistic ends 1.8e-5 away.
    No cut-outs: what the network sees as a silhouette is cut at a threshold there, and a rounding error that moves a pixel across it is one no longer.
    """
    terms = dict(paint=dict(cutouts=0.0), self_training=dict(start=2))
    cfg = load_config(
        "tiny",
        dict(
            iterations=20,
            bootstrap=5,
            warmup=5,
            terms=terms,
            batch_size=8,
            shards=2,
            lr=1e-5,
            precision="float32",
            size=32,
            width=8,
            pose_features=32,
        ),
    )
    return (
        cfg
        if kind == "none"
        else at_level(
            changed(cfg, terms=dict(self_training=dict(start=1))), kind, iterations=9, bootstrap=3, warmup=2, lr=2e-5
        )
    )


def toy_data(n=12, size=32):
    "Pairs of smooth noise with poses drawn at random."
    g = torch.Generator().manual_seed(1)
    poses = canonicalise(forward_kinematics(torch.randn(64, 17, 3, generator=g)))[0]
    view = random_view(poses[: 2 * n], size, g)
    smooth = lambda *shape: (
        torch.nn.functional.interpolate(torch.rand(*shape, 8, 8, generator=g), size=(size, size), mode="bilinear")
        .mul(255)
        .byte()
    )
    images = smooth(2 * n, 3).unflatten(0, (n, 2))
    return TrainData(
        images,
        smooth(2 * n, 1)[:, 0].unflatten(0, (n, 2)),
        poses,
        view.joints_3d.unflatten(0, (n, 2)),
        view.joints_2d.unflatten(0, (n, 2)),
        images,
        torch.linalg.qr(torch.randn(n, 3, 3, generator=g))[0],
    )


def torchrun(*arguments):
    environment = {k: v for k, v in os.environ.items() if k not in ("WORLD_SIZE", "RANK", "LOCAL_RANK")} | {
        "OMP_NUM_THREADS": "1"
    }
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=300,
    )


def train(kind):
    "Losses, weights, and the weights before."
    trainer = Trainer(small_run(kind), toy_data(), "cpu")
    before = {k: v.clone() for k, v in trainer.net.state_dict().items()}
    losses = [step(trainer) for _ in range(trainer.cfg.stages.iterations)]
    return losses, trainer.net.state_dict(), before


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    "What two processes come to."
    folder = tmp_path_factory.mktemp("two")
    (folder / "worker.py").write_text(WORKER)
    done = torchrun(folder / "worker.py", ROOT / "tests", folder / "two.pt")
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(folder / "two.pt", weights_only=True)


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_are_one_with_twice_the_batch(two, kind):
    losses, weights, before = train(kind)
    their_losses, theirs = two[kind]
    assert [sorted(row) for row in losses] == [sorted(row) for row in their_losses]
    assert max(abs(a - their_losses[i][k]) for i, row in enumerate(losses) for k, a in row.items()) < TOLERANCE
    moved = max(
        (weights[k] - before[k]).abs().max().item() for k in before if "running" not in k and "num_batches" not in k
    )
    assert moved > TOLERANCE, "the weights hardly move: the comparison would say nothing"
    apart = {k: (v - theirs[k]).abs().max().item() for k, v in weights.items()}
    assert max(apart.values()) < TOLERANCE, sorted(apart.items(), key=lambda kv: -kv[1])[:5]


def test_the_command_line_joins_processes(tmp_path, monkeypatch):
    monkeypatch.setenv("PGP_DATA", str(tmp_path / "people"))
    command = ("-m", "pgp_nb.training", "--preset", "tiny", "--device", "cpu", "--out", tmp_path / "run")
    refused = torchrun(*command)
    assert (
        refused.returncode != 0
        and "2 processes cannot divide 1 shards: set shards to a multiple of 2" in refused.stderr
    )
    assert not list(tmp_path.iterdir())
    values = dict(
        shards=2, iterations=6, bootstrap=2, warmup=2, validate_every=3, checkpoint_every=10, pairs="[16, 4, 4]"
    )
    done = torchrun(*command, *(word for k, v in values.items() for word in ("--set", f"{k}={v}")))
    assert done.returncode == 0, done.stderr[-3000:]
    assert {"weights.safetensors", "best.safetensors", "metrics.json", "checkpoint.pt", "optimizer.pt"} <= {
        p.name for p in (tmp_path / "run").iterdir()
    }
    curve = read_curve(tmp_path / "run" / "curve.jsonl")
    assert [r["iteration"] for r in curve if "val/pa_mpjpe" not in r] == list(range(1, 7)) and [
        r["iteration"] for r in curve if "val/pa_mpjpe" in r
    ] == [3, 6]
