"""Write what the live figures read, pgp_nb/static: the puppet and a few poses, and people's textures.

    python tools/live_assets.py puppet    puppet.json: the puppet of the library, poses of the embedded motions
"""

import json, sys
from pathlib import Path

import numpy as np

from pgp_nb.conventions import EXAMPLE_POSE
from pgp_nb.people.motions import sample_poses
from pgp_nb.puppet import Puppet
from pgp_nb.widgets import _browser_puppet

STATIC = Path(__file__).resolve().parent.parent / "pgp_nb/static"
POSES = {  # name: its number among the poses drawn, the camera's azimuth in degrees
    "arms wide": (42, 20),
    "a step aside": (0, -25),
    "seated": (17, 40),
    "arms folded": (4, -15),
    "hands on hips": (44, 15),
    "walking": (16, 50),
    "hands to the head": (12, -30),
}


def poses() -> list[dict]:  # name, pose (17,3) mm in the canonical frame, azimuth of the camera in degrees
    "The poses of the gallery."
    drawn = sample_poses("val", 48, np.random.default_rng(5))
    made = [("waving", EXAMPLE_POSE, 0), *((name, drawn[i], a) for name, (i, a) in POSES.items())]
    return [dict(name=n, pose=np.round(p).astype(int).tolist(), azimuth=a) for n, p, a in made]


def puppet_data() -> dict:
    "What puppet.json holds."
    return dict(puppet=_browser_puppet(Puppet.load()), poses=poses())


def written(data) -> str:
    return json.dumps(data, separators=(",", ":")) + "\n"


def write_puppet():
    (STATIC / "puppet.json").write_text(written(puppet_data()), encoding="utf-8")


if __name__ == "__main__":
    {"puppet": write_puppet}[sys.argv[1]]()
