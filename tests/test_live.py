"The live figures: their mathematics, computed by node, is the library's; their files are what the library writes."

import base64, json, os, shutil, subprocess, sys

import cv2
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
    numbers = dict(p=p, q=q, depth=depth, limb=limb, v=v, lengths=lengths, again=forward_kinematics(v, lengths))
    numbers |= dict(raw=raw, rotation=camera.rotation, translation=camera.translation)
    numbers |= dict(along=stretched.along, across=stretched.across)
    x = (p[:, :, None, :] * camera.rotation[:, None]).sum(-1) + camera.translation[:, None]
    numbers |= dict(x=x, turn=_head_turn(x))
    data = {k: t.tolist() for k, t in numbers.items()}
    (folder / "cases.json").write_text(json.dumps(dict(size=size, **data)), encoding="utf-8")


def test_mathematics_in_javascript_is_the_librarys(tmp_path):
    if NODE is None:
        pytest.skip("node is not installed: the live figures are not computed")
    live_cases(tmp_path)
    done = subprocess.run(
        [NODE, "--test", *sorted((ROOT / "tests/js").glob("*.test.mjs"))],
        cwd=ROOT,
        env=os.environ | {"PGP_LIVE_CASES": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_puppet_in_the_browser_is_the_librarys():
    pytest.importorskip("anywidget", reason="anywidget is not installed: the file of the puppet is not written")
    sys.path.insert(0, str(ROOT / "tools"))
    import live_assets

    text = (STATIC / "puppet.json").read_text(encoding="utf-8")
    assert text == live_assets.written(live_assets.puppet_data()), "run python tools/live_assets.py puppet"
    puppet, template = json.loads(text)["puppet"], Puppet.load()
    for l, part in enumerate(puppet["parts"]):
        x0, y0, x1, y1 = part["box"]
        for k, name in enumerate(("phi", "psi")):
            kept = np.frombuffer(base64.b64decode(part[name]), np.uint8).reshape(y1 - y0, x1 - x0) / 255
            assert np.abs(kept - template._windows[l, k, : y1 - y0, : x1 - x0].numpy()).max() <= 0.501 / 255


TYPES = "--noEmit --allowJs --checkJs --strict --target es2022 --module es2022 --lib es2022,dom,dom.iterable"
CHECKS = {
    "node": ["--check", "pgp_nb/static/page.js"],
    "eslint": ["--config", "tests/js/eslint.config.mjs", "pgp_nb/static", "tests/js"],
    "tsc": [*TYPES.split(), "pgp_nb/static/live.js", "pgp_nb/static/page.js"],
}


@pytest.mark.parametrize("program", CHECKS)
def test_scripts_are_clean_and_keep_to_their_types(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed (npm install -g eslint typescript): the scripts are not checked by it")
    done = subprocess.run([program, *CHECKS[program]], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_of_the_figures_are_small_and_all_there():
    people = json.loads((STATIC / "people.json").read_text(encoding="utf-8"))
    pictures = [person["file"] for person in people] + [f"{kind}.webp" for kind in ("puppet", "person", "pose")]
    assert len(people) >= 3 and all((STATIC / name).stat().st_size < 40_000 for name in pictures)
    assert {p.name for p in STATIC.iterdir()} == {
        *pictures,
        *"people.json puppet.json live.js live.css page.js".split(),
    }
    for person in people:
        assert cv2.imread(str(STATIC / person["file"]), cv2.IMREAD_UNCHANGED).shape == (2 * 96, 9 * 48 + 96, 4)


def test_site_loads_the_figures_where_a_page_has_a_place(tmp_path):
    sys.path.insert(0, str(ROOT / "tools"))
    import docs_live

    place = (
        '<head></head><div class="pgp-live" data-figure="puppet"><img src="../pgp_nb/static/puppet.webp" alt="a"></div>'
    )
    (tmp_path / "people").mkdir()
    (tmp_path / "people/a.html").write_text(place, encoding="utf-8")
    (tmp_path / "b.html").write_text("<head></head>", encoding="utf-8")
    docs_live.place(tmp_path)
    page = (tmp_path / "people/a.html").read_text(encoding="utf-8")
    assert page.count('<script type="module" src="../live/page.js">') == 1 and 'src="../live/puppet.webp"' in page
    assert (tmp_path / "live/live.js").exists() and (tmp_path / "b.html").read_text(encoding="utf-8") == "<head></head>"
