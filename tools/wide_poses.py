"""Unpaired poses with what people do in sport: splits, high kicks, leaps, tucks, climbing, hanging.

    python tools/wide_poses.py data/wide_poses.npz      (a minute; --seed, --share and -n say which, and how many)

Writes (n,17,3) float32 in mm, upright, pelvis at the origin, for `--set poses=FILE`; a file made with the same options is kept.
Two thirds of the poses are everyday ones from the pose prior of the motions chapter (split `unpaired`). The others come from ranges of
joint angles, an arm in three from an everyday pose. All keep the limits of joints, and no limb goes through another; who does sport
need not keep the balance."""

import argparse
from pathlib import Path
import numpy as np
from fit_pose_prior import ANY_ARM, LOW_ARM, STRAIGHT, draw_key_pose, family

from pgp_nb.datasets.samples import read_poses, write_poses
from pgp_nb.people.bodies import retarget
from pgp_nb.people.motions import (
    _enough,
    _KeyPoses,
    _mix_arms,
    canonical_directions,
    draw_key_poses,
    place_joints,
    plausible,
    to_upright,
)

LEG = dict(flex=(-20, 100), out=(0, 50), knee=(0, 120))  # any, in the air
REACHING = dict(flex=(120, 178), out=(0, 45), elbow=(0, 70), turn=(-30, 30))
ASIDE = dict(flex=(-20, 70), out=(50, 120), elbow=(0, 70), turn=(-40, 50))
WIDE = dict(
    front_split=family((-15, 30), leg=dict(flex=(55, 92), out=(0, 15), knee=(0, 15)), other=dict(flex=(-92, -45), out=(0, 20), knee=(0, 30))),
    side_split=family((-15, 40), (-20, 20), leg=dict(flex=(-10, 35), out=(50, 90), knee=(0, 15))),
    straddle=family((-10, 60), leg=dict(flex=(60, 105), out=(25, 70), knee=(0, 30))),
    high_kick=family((-30, 15), (-10, 25), leg=dict(flex=(80, 150), out=(0, 45), knee=(0, 40)), other=STRAIGHT),
    side_kick=family((-10, 20), (-35, 15), leg=dict(flex=(-10, 50), out=(45, 110), knee=(0, 60)), other=STRAIGHT),
    arabesque=family((5, 80), leg=dict(flex=(-110, -40), out=(0, 25), knee=(0, 80)), other=STRAIGHT),
    leap=family((-15, 35), leg=dict(flex=(35, 100), out=(0, 25), knee=(0, 100)), other=dict(flex=(-80, -20), out=(0, 25), knee=(0, 110))),
    tuck=family((-20, 50), leg=dict(flex=(70, 130), out=(0, 40), knee=(80, 145))),
    sprint=family((0, 35), leg=dict(flex=(40, 100), out=(0, 12), knee=(60, 130)), other=dict(flex=(-45, 0), out=(0, 12), knee=(0, 60))),
    low=family((10, 70), leg=dict(flex=(50, 115), out=(5, 60), knee=(60, 140)), other=dict(flex=(-30, 100), out=(0, 60), knee=(20, 140))),
    fall=family((-50, 50), (-35, 35), leg=LEG, other=LEG),
    back=family((-60, -10), leg=dict(flex=(-40, 20), out=(0, 30), knee=(0, 80)), arm=REACHING, other_arm=ANY_ARM),
    hang=family((-20, 20), (-25, 25), leg=dict(flex=(-40, 110), out=(0, 50), knee=(0, 120)), arm=REACHING),
    climb=family((-10, 25), (-25, 25), leg=dict(flex=(10, 110), out=(0, 60), knee=(20, 140)), other=LEG, arm=REACHING, other_arm=ANY_ARM),
    throw=family((-15, 45), (-25, 25), (-65, 65), leg=dict(flex=(-20, 70), out=(0, 35), knee=(0, 80)), other=dict(flex=(-40, 30), out=(0, 35), knee=(0, 80)), arm=ASIDE, other_arm=ANY_ARM),
    lean=family((20, 80), leg=dict(flex=(-10, 70), out=(0, 40), knee=(0, 90)), arm=LOW_ARM, other_arm=ANY_ARM),
)  # fmt: skip


def drawn(n: int, rng: np.random.Generator) -> _KeyPoses:
    "Poses that a body can take; every family is tried equally often."
    families = list(WIDE.values())

    def draw(m: int) -> tuple[_KeyPoses, np.ndarray]:
        joints = np.stack([draw_key_pose(families[i % len(families)], np.zeros(10), rng) for i in range(m)])
        poses = _mix_arms(canonical_directions(joints), draw_key_poses("unpaired", m, rng), 0.35, rng)
        return poses, plausible(poses.directions)

    return _enough(n, draw)


def wide_poses(n: int, share: float, seed: int) -> np.ndarray:  # (n,17,3) float32 mm, upright
    "Everyday poses and a share of those from sport, on the mean body, well mixed."
    rng = np.random.default_rng([seed, 28])
    some = round(share * n)
    both, order = (draw_key_poses("unpaired", n - some, rng), drawn(some, rng)), rng.permutation(n)
    keys = _KeyPoses(*(np.concatenate(x)[order] for x in zip(*both)))
    p = retarget(place_joints(keys.directions) @ to_upright(keys.up).swapaxes(-1, -2))
    return np.asarray(p - p[:, :1], np.float32)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="file to write, .npz")
    parser.add_argument("-n", type=int, default=40000, help="how many (default: 40000)")
    parser.add_argument("--share", type=float, default=1 / 3, help="of poses from sport (default: a third)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not 0 < options.share < 1:
        parser.error(f"--share {options.share}: between 0 and 1")
    about = dict(source="tools/wide_poses.py", poses=options.n, share=options.share, seed=options.seed)
    out = Path(options.out).with_suffix(".npz")
    if not out.is_file() or read_poses(out)[1] != about:
        write_poses(out, wide_poses(options.n, options.share, options.seed), about)
    print(f"{options.n:,} poses in {out}")
