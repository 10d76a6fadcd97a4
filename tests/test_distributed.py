"""Two processes that share a batch must train like one that sees all of it."""
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pgp_nb import training

ROOT = Path(__file__).parents[1]
TOLERANCE = 1e-5

WORKER = """
import sys
import torch
from pgp_nb import training
sys.path.insert(0, sys.argv[1])
from test_distributed import small_run, toy_data
torch.set_num_threads(1)
with training.joined_processes("cpu"):
    trainer = training.Trainer(small_run(sys.argv[3]), toy_data(), "cpu")
    losses = [training.step(trainer) for _ in range(20)]
    assert training.processes() == 2
    if training.rank() == 0: torch.save(dict(net=trainer.net.state_dict(), losses=losses), sys.argv[2])
"""


def small_run(kind="none"):
    "Every stage within 20 iterations; the direct network and the supervision levels by name."
    cfg = training.load_config("tiny", dict(iterations=20, bootstrap=4, warmup=4, batch_size=4, shards=2, precision="float32", network=dict(size=32, width=8, pose_features=32)))
    if kind == "paper": return replace(cfg, optimizer="adagrad", three_frames=False, network=replace(cfg.network, pooled_appearance=False, mirror_factorised=False, keypoints=0))
    return replace(cfg, supervision=kind)


def toy_data(n=12, size=32):
    "Pairs of smooth noise with poses drawn at random."
    g = torch.Generator().manual_seed(1)
    from pgp_nb.kinematics import canonicalise, forward_kinematics
    from pgp_nb.painting import random_view
    poses = canonicalise(forward_kinematics(torch.randn(64, 17, 3, generator=g)))[0]
    view = random_view(poses[:2 * n], size, g)
    smooth = lambda *shape: torch.nn.functional.interpolate(torch.rand(*shape, 8, 8, generator=g), size=(size, size), mode="bilinear").mul(255).byte()
    images = smooth(2 * n, 3).unflatten(0, (n, 2))
    return training.TrainData(images, smooth(2 * n, 1)[:, 0].unflatten(0, (n, 2)), poses, view.joints_3d.unflatten(0, (n, 2)), view.joints_2d.unflatten(0, (n, 2)),
                              images, torch.linalg.qr(torch.randn(n, 3, 3, generator=g))[0])


def torchrun(*arguments):
    environment = {k: v for k, v in os.environ.items() if k not in ("WORLD_SIZE", "RANK", "LOCAL_RANK")} | {"OMP_NUM_THREADS": "1", "PGP_TRACEBACK": "1"}
    return subprocess.run([sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0", *map(str, arguments)],
                          capture_output=True, text=True, cwd=ROOT, env=environment, timeout=300)


@pytest.mark.parametrize("kind", ["none", "weak", "multi-view"])
def test_two_processes_are_one_with_twice_the_batch(tmp_path, kind):
    script, file = tmp_path / "worker.py", tmp_path / "two.pt"
    script.write_text(WORKER)
    done = torchrun(script, ROOT / "tests", file, kind)
    assert done.returncode == 0, done.stderr[-3000:]
    two = torch.load(file, weights_only=True)
    trainer = training.Trainer(small_run(kind), toy_data(), "cpu")
    losses = [training.step(trainer) for _ in range(20)]
    assert [sorted(row) for row in losses] == [sorted(row) for row in two["losses"]]
    assert max(abs(a - two["losses"][i][k]) for i, row in enumerate(losses) for k, a in row.items()) < TOLERANCE
    apart = {k: (v - two["net"][k]).abs().max().item() for k, v in trainer.net.state_dict().items()}
    assert max(apart.values()) < TOLERANCE, sorted(apart.items(), key=lambda kv: -kv[1])[:5]
