"The live figures: their mathematics, computed by node, is the library's; their files are what the library writes."

import json, os, shutil, subprocess, sys

import numpy as np
import pytest
import torch

from helpers import ROOT

from pgp_nb.camera import T_c, camera_from_raw
from pgp_nb.kinematics import forward_kinematics, local_vectors
from pgp_nb.networks import _head_turn
from pgp_nb.people.motions import sample_poses
from pgp_nb.puppet import Puppet
from pgp_nb.segmentation import depth_ordered_maps, limb_depths, part_labels

STATIC = ROOT / "pgp_nb/static"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed: the live figures are not computed")


def live_cases(folder, n=100, size=64):
    "Random poses and what the library makes of them: numbers as cases.json, maps as 16-bit integers in maps.bin."
    rng = np.random.default_rng(0)
    p = torch.from_numpy(sample_poses("val", n, rng)).double()
    raw = torch.from_numpy(rng.normal(0, 1, (n, 7)))
    camera = camera_from_raw(raw, p)
    q, depth = T_c(p, camera, size)
    q = q + torch.from_numpy(rng.normal(0, size / 30, (n, 17, 2))) * (torch.arange(n) % 2)[:, None, None]
    limb = limb_depths(depth)
    maps = Puppet.load()(q, size)
    phi_d = depth_ordered_maps(maps.part_maps, limb, depth[:, 0])
    labels = part_labels(phi_d)
    top2 = phi_d.topk(2, 1).values
    sure = ((top2[:, 0] - 0.5).abs() > 0.02) & (top2[:, 0] - top2[:, 1] > 0.02)
    v, lengths = local_vectors(p)
    stretched = Puppet.load(scale="along_limb").part_frames(q)
    wide = torch.cat([maps.part_maps, maps.uncertainty_maps, maps.w_fg[:, None], maps.w_unc[:, None]], 1)
    with open(folder / "maps.bin", "wb") as f:
        for some, label, known in zip(wide, labels, sure):
            f.write((some * 65535 + 0.5).numpy().astype("<u2").tobytes())
            f.write(torch.where(known, label, 255).numpy().astype("<u2").tobytes())
    numbers = dict(
        p=p, q=q, depth=depth, limb=limb, v=v, lengths=lengths, again=forward_kinematics(v, lengths), x=None, turn=None
    )
    numbers |= dict(raw=raw, rotation=camera.rotation, translation=camera.translation)
    numbers |= dict(along=stretched.along, across=stretched.across)
    x = (p[:, :, None, :] * camera.rotation[:, None]).sum(-1) + camera.translation[:, None]
    numbers |= dict(x=x, turn=_head_turn(x))
    data = {k: t.tolist() for k, t in numbers.items()}
    (folder / "cases.json").write_text(json.dumps(dict(size=size, **data)))


def test_mathematics_in_javascript_is_the_librarys(tmp_path):
    if NODE is None:
        pytest.skip("node is not installed: the live figures are not computed")
    live_cases(tmp_path)
    done = subprocess.run(
        [NODE, "--test", "tests/js/"],
        cwd=ROOT,
        env=os.environ | {"PGP_LIVE_CASES": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_puppet_in_the_browser_is_the_librarys():
    sys.path.insert(0, str(ROOT / "tools"))
    import live_assets

    text = (STATIC / "puppet.json").read_text(encoding="utf-8")
    assert text == live_assets.written(live_assets.puppet_data()), "run python tools/live_assets.py puppet"
