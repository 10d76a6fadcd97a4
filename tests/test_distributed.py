"Two processes that share a batch must train like one that sees all of it."

import os

import pytest
import torch

from helpers import ROOT, python
from pgp_nb.engine.runs import read_curve
from small_runs import losses_and_weights

TOLERANCE = 1e-5
KINDS = ("none", "weak", "multi_view")
WORKER = """
import sys
import torch
from pgp_nb.engine.parallel import joined_processes, processes, rank
sys.path.insert(0, sys.argv[1])
from small_runs import losses_and_weights

torch.set_num_threads(1)
with joined_processes("cpu"):
    assert processes() == 2
    results = {kind: losses_and_weights(kind)[:2] for kind in sys.argv[3:]}
    if rank() == 0:
        torch.save(results, sys.argv[2])
"""


def torchrun(*arguments):
    "A program in two processes; nothing of a run that the tests themselves may be part of."
    environment = {k: v for k, v in os.environ.items() if k not in ("WORLD_SIZE", "RANK", "LOCAL_RANK")}
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    return python(*launch, *arguments, env=environment | {"OMP_NUM_THREADS": "1"}, timeout=300)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    "What two processes come to."
    folder = tmp_path_factory.mktemp("two")
    (folder / "worker.py").write_text(WORKER, encoding="utf-8")
    done = torchrun(folder / "worker.py", ROOT / "tests", folder / "two.pt", *KINDS)
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(folder / "two.pt", weights_only=True)


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_are_one_with_twice_the_batch(two, kind):
    losses, weights, before = losses_and_weights(kind)
    their_losses, theirs = two[kind]
    assert [sorted(row) for row in losses] == [sorted(row) for row in their_losses]
    apart = [max(abs(a - their_losses[i][k]) for k, a in row.items()) for i, row in enumerate(losses)]
    assert max(apart[: len(apart) // 2]) < 10 * TOLERANCE
    assert max(apart) < 5e-2, (
        "rounding grows from there (untrained image points are nearly one point), a fault would be larger"
    )
    moved = {k: (weights[k] - before[k]).abs().max().item() for k in before if "num_batches" not in k}
    apart = {k: (weights[k] - theirs[k]).abs().max().item() for k in moved}
    statistics = {k for k in moved if "running" in k}
    most = max(moved[k] for k in moved.keys() - statistics)
    assert most > TOLERANCE, "the weights hardly move: the comparison would say nothing"
    assert max(apart[k] for k in apart.keys() - statistics) < TOLERANCE / 2 < most
    parts = {k: apart[k] / moved[k] for k in statistics}
    assert max(parts.values()) < 1e-3, sorted(parts.items(), key=lambda kv: -kv[1])[:5]


def test_the_command_line_joins_processes(tmp_path, monkeypatch):
    monkeypatch.setenv("PGP_DATA", str(tmp_path / "people"))
    command = ("-m", "pgp_nb.training", "--preset", "tiny", "--device", "cpu", "--out", tmp_path / "run")
    refused = torchrun(*command)
    assert refused.returncode != 0
    assert "2 processes cannot divide 1 shards: set shards to a multiple of 2" in refused.stderr
    assert not list(tmp_path.iterdir())
    values = dict(
        shards=2, iterations=6, bootstrap=2, warmup=2, validate_every=3, checkpoint_every=10, pairs="[16, 4, 4]"
    )
    done = torchrun(*command, *(word for k, v in values.items() for word in ("--set", f"{k}={v}")))
    assert done.returncode == 0, done.stderr[-3000:]
    written = {p.name for p in (tmp_path / "run").iterdir()}
    assert set("weights.safetensors best.safetensors metrics.json checkpoint.pt optimizer.pt".split()) <= written
    curve = read_curve(tmp_path / "run" / "curve.jsonl")
    assert [r["iteration"] for r in curve if "val/pa_mpjpe" not in r] == list(range(1, 7))
    assert [r["iteration"] for r in curve if "val/pa_mpjpe" in r] == [3, 6]
