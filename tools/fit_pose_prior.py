"""Fits `pgp_nb/data/pose_prior.npz`, the pose prior of the motions chapter. Build time only.

    PGP_SAMPLES=<folder of samples> python tools/fit_pose_prior.py

Reads CMU mocap (`cmu/cmu_joints.npz` and the `.asf`/`.amc` files beside it), adds key poses drawn by
hand as ranges of joint angles for what the clips lack (sitting, squatting, bending, kicking, kneeling, raised
arms), and fits one Gaussian mixture per split to the directions of the limbs. No clip is stored.
The motion data was obtained from mocap.cs.cmu.edu, created with funding from NSF EIA-0196217.
"""

import os, re
from pathlib import Path
import numpy as np
from pgp_nb.conventions import MIRROR
from pgp_nb.people.motions import balanced, canonical_directions, place_joints, plausible

UNIT_MM, CMU_STEP = 25.4 / 0.45, 10
ASF_ENDS = dict(
    r_hip="rhipjoint",
    r_knee="rfemur",
    r_ankle="rtibia",
    l_hip="lhipjoint",
    l_knee="lfemur",
    l_ankle="ltibia",
    spine="upperback",
    thorax="lowerneck",
    nose="upperneck",
    head_top="head",
    l_shoulder="lclavicle",
    l_elbow="lhumerus",
    l_wrist="lwrist",
    r_shoulder="rclavicle",
    r_elbow="rhumerus",
    r_wrist="rwrist",
)
AMC = [
    ("csci520/07-walk.asf", "csci520/07_05-walk.amc"),
    ("csci520/131-dance.asf", "csci520/131_04-dance.amc"),
    ("csci520/135-martialArts.asf", "csci520/135_06-martialArts.amc"),
    ("fairmotion/01.asf", "fairmotion/01_01.amc"),
    ("fairmotion/11.asf", "fairmotion/11_01.amc"),
    ("csci520/09-run.asf", "csci520/09_06-run.amc"),
]
N_COMPONENTS, N_DIMS, FAMILY_COMPONENTS, CMU_SHARE, COVERAGE_MM = 24, 24, 4, 0.55, 35.0

# ---- CMU clips --------------------------------------------------------------------------------------------------


def rotation_xyz(degrees):
    "Rotation matrix that turns about x, then y, then z; angles in degrees."
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return z @ y @ x


def read_asf(path):
    "Bones {name: dict} and parents {name: name} of an Acclaim skeleton."
    bones, parent, bone, section = {}, {}, {}, None
    for line in Path(path).read_text(errors="replace", encoding="utf-8").splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        key, values = words[0], words[1:]
        if key.startswith(":"):
            section = key
        elif section == ":hierarchy":
            parent.update(dict.fromkeys(values, key))
        elif section != ":bonedata":
            continue
        elif key == "begin":
            bone = {"dof": []}
        elif key == "end":
            bones[bone["name"]] = bone
        elif key == "name":
            bone["name"] = values[0]
        elif key in ("direction", "axis"):
            bone[key] = np.array(values[:3], float)
        elif key == "length":
            bone[key] = float(values[0])
        elif key == "dof":
            bone[key] = values
    return bones, parent


def read_amc(path):
    "Frames of an Acclaim motion, each {bone: angles in degrees}."
    frames = []
    for line in Path(path).read_text(errors="replace", encoding="utf-8").splitlines():
        words = line.split("#")[0].split()
        if not words or words[0].startswith(":"):
            continue
        if len(words) == 1 and words[0].isdigit():
            frames.append({})
        elif frames:
            frames[-1][words[0]] = [float(w) for w in words[1:]]
    return frames


def amc_joints(asf, amc, step=CMU_STEP):
    "(T,17,3) mm, z up: every `step`-th frame of an Acclaim motion."
    (bones, parent), out = read_asf(asf), []
    for frame in read_amc(amc)[::step]:
        root = frame["root"]
        turn, end = {"root": rotation_xyz(root[3:6])}, {"root": np.array(root[:3])}
        for name, b in bones.items():
            angles, axis = dict(zip(b["dof"], frame.get(name, []))), rotation_xyz(b["axis"])
            turn[name] = (
                turn[parent[name]] @ axis @ rotation_xyz([angles.get(k, 0.0) for k in ("rx", "ry", "rz")]) @ axis.T
            )
            end[name] = end[parent[name]] + turn[name] @ (b["direction"] * b["length"])
        p = np.stack([end["root"]] + [end[e] for e in ASF_ENDS.values()])
        p[10] = (head := p[10].copy()) + (head - p[9])
        p[9] = head
        out.append(p)
    return (np.array(out) * UNIT_MM)[..., [2, 0, 1]]


def split_of(name):
    "The split a clip is used for: every action is shared out, no clip is in two."
    action, number = re.match(r"(?:dmgnn|convseq)_(.*)_(\d+)$", name).groups()
    if "extra_walking" in action:
        return "train" if action.startswith("test") else ("test", "unpaired")[int(number) % 2]
    if action.startswith("test") or action.endswith("signal") and number in "45":
        return "test"
    return {
        "1": "train",
        "2": "train",
        "3": "test" if "signal" not in action else "unpaired",
        "4": "unpaired",
        "5": "unpaired",
    }[number]


def clips(samples):
    "{split: [(T,17,3) mm z up]}: three disjoint sets; the unpaired one has other people's clips as well."
    z, out = np.load(samples / "cmu/cmu_joints.npz"), dict(train=[], test=[], unpaired=[])
    for n in z["clip_names"]:
        out[split_of(str(n))].append(z[str(n)].astype(float))
    out["unpaired"] += [amc_joints(samples / "cmu/asf_amc" / a, samples / "cmu/asf_amc" / m) for a, m in AMC]
    return out


# ---- Key poses drawn by hand ------------------------------------------------------------------------------------
# Degrees. lean forward, side: of the trunk against the vertical; legs against the vertical; arms against the trunk.

ANY_ARM = dict(flex=(-25, 165), out=(0, 110), elbow=(0, 120), turn=(-20, 70))
LOW_ARM = dict(flex=(-10, 60), out=(0, 30), elbow=(10, 100), turn=(-10, 60))
STRAIGHT = dict(flex=(-8, 12), out=(0, 12), knee=(0, 18))


def family(lean=(-5, 12), side=(-8, 8), twist=(-25, 25), leg=STRAIGHT, other=None, arm=ANY_ARM, other_arm=None):
    return dict(lean=lean, side=side, twist=twist, legs=(leg, other or leg), arms=(arm, other_arm or arm))


FAMILIES = dict(
    sit=family((-10, 25), leg=dict(flex=(72, 98), out=(0, 20), knee=(65, 105)), arm=LOW_ARM),
    sit_free=family((-15, 30), leg=dict(flex=(70, 98), out=(0, 30), knee=(30, 110))),
    floor_sit=family(
        (-20, 25),
        leg=dict(flex=(70, 100), out=(0, 35), knee=(0, 70)),
        arm=dict(flex=(-30, 90), out=(0, 50), elbow=(0, 80), turn=(-20, 60)),
    ),
    squat=family(
        (15, 60),
        leg=dict(flex=(65, 115), out=(3, 35), knee=(80, 138)),
        arm=dict(flex=(20, 120), out=(0, 40), elbow=(0, 100), turn=(-10, 60)),
    ),
    bend=family(
        (40, 95),
        leg=dict(flex=(-10, 15), out=(0, 18), knee=(0, 30)),
        arm=dict(flex=(40, 120), out=(0, 35), elbow=(0, 50), turn=(-20, 60)),
    ),
    kick=family(
        (-22, 10),
        leg=dict(flex=(45, 105), out=(0, 30), knee=(0, 50)),
        other=dict(flex=(-12, 10), out=(0, 10), knee=(0, 25)),
    ),
    leg_back=family(
        (15, 70),
        leg=dict(flex=(-65, -20), out=(0, 15), knee=(0, 60)),
        other=dict(flex=(0, 20), out=(0, 8), knee=(0, 30)),
    ),
    lunge=family(
        (0, 30),
        leg=dict(flex=(45, 95), out=(0, 18), knee=(50, 105)),
        other=dict(flex=(-38, -8), out=(0, 18), knee=(5, 60)),
    ),
    kneel=family(
        (-5, 25),
        leg=dict(flex=(70, 98), out=(0, 20), knee=(75, 110)),
        other=dict(flex=(-12, 12), out=(0, 15), knee=(75, 115)),
    ),
    knee_up=family((-10, 20), leg=dict(flex=(55, 115), out=(0, 25), knee=(50, 125)), other=STRAIGHT),
    star=family(
        (-8, 10),
        (-18, 18),
        leg=dict(flex=(-10, 15), out=(18, 42), knee=(0, 15)),
        arm=dict(flex=(-10, 25), out=(50, 160), elbow=(0, 45), turn=(-20, 40)),
    ),
    arms_up=family(side=(-20, 20), arm=dict(flex=(125, 178), out=(0, 35), elbow=(0, 100), turn=(-30, 30))),
    arm_wave=family(arm=dict(flex=(40, 170), out=(10, 60), elbow=(20, 130), turn=(-40, 50)), other_arm=LOW_ARM),
    arms_out=family(arm=dict(flex=(-20, 60), out=(50, 115), elbow=(0, 110), turn=(-60, 60))),
    arms_fore=family(arm=dict(flex=(50, 115), out=(0, 30), elbow=(0, 110), turn=(-10, 60))),
    akimbo=family(arm=dict(flex=(-35, 5), out=(35, 60), elbow=(80, 115), turn=(45, 80))),
    side_bend=family((-5, 25), (15, 45), leg=dict(flex=(-8, 15), out=(0, 30), knee=(0, 20))),
    stride=family(
        (-5, 25),
        leg=dict(flex=(15, 50), out=(0, 12), knee=(5, 60)),
        other=dict(flex=(-35, 0), out=(0, 12), knee=(0, 60)),
    ),
)


def turned(side, flex, out, twist):
    "Rotation of a limb that hangs along -z: forward by flex, outward by out, about itself by twist; side +1 left."
    return rotation_xyz([side * out, 0, 0]) @ rotation_xyz([0, -flex, 0]) @ rotation_xyz([0, 0, -side * twist])


def draw_key_pose(fam, shift, rng):
    "(17,3) mm z up: one pose of a family, the ranges moved by `shift` (a share of their width)."
    pick = lambda r, k: r[0] + (r[1] - r[0]) * np.clip(rng.random() + shift[k], 0, 1)
    down, p = np.array([0, 0, -1.0]), np.zeros((17, 3))
    trunk = rotation_xyz([pick(fam["side"], 0), 0, 0]) @ rotation_xyz([0, pick(fam["lean"], 1), 0])
    chest = trunk @ rotation_xyz([rng.normal(0, 5), rng.normal(4, 6), pick(fam["twist"], 2)])
    head = chest @ rotation_xyz([rng.normal(0, 10), rng.normal(12, 15), 0])
    p[7], sides = trunk @ [-15, 0, 222], (1, -1) if rng.random() < 0.5 else (-1, 1)
    p[8] = p[7] + (trunk + chest) / 2 @ [0, 0, 233]
    p[9], p[10] = (n := p[8] + head @ [35, 0, 150]), n + head @ [0, 0, 110]
    for s, leg, arm in zip(sides, fam["legs"], fam["arms"]):
        hip, shoulder = (4, 11) if s > 0 else (1, 14)
        p[hip] = trunk @ rotation_xyz([0, -0.6 * pick(fam["lean"], 1), 0]) @ [0, 92 * s, 0]
        r = turned(s, pick(leg["flex"], 3), pick(leg["out"], 4), rng.uniform(-25, 10))
        p[hip + 1] = p[hip] + r @ down * 428
        p[hip + 2] = p[hip + 1] + r @ rotation_xyz([0, pick(leg["knee"], 5), 0]) @ down * 407
        flex, out = pick(arm["flex"], 6), pick(arm["out"], 7)
        p[shoulder] = p[8] + chest @ [15, 165 * s, -95 + 50 * max(flex, out) / 180]
        r = chest @ turned(s, flex, out, pick(arm["turn"], 8))
        p[shoulder + 1] = p[shoulder] + r @ down * 280
        p[shoulder + 2] = p[shoulder + 1] + r @ rotation_xyz([0, -pick(arm["elbow"], 9), 0]) @ down * 260
    return p


# ---- Features and fit -------------------------------------------------------------------------------------------


def features(poses):
    "(N,51): unit directions of the 16 limbs in C, then the direction of the world's z axis in C."
    return np.concatenate([poses.directions, poses.up[:, None]], 1).reshape(len(poses.up), -1)


def possible(joints):
    "Features of those poses that the checks of the motions chapter accept."
    poses = canonical_directions(joints)
    return features(poses)[plausible(poses.directions) & balanced(poses)]


def mirrored(joints):
    return (joints * [1, -1, 1])[:, list(MIRROR)]


def covering(feats, distance, rng):
    "Indices of poses no closer than `distance` (mm) to each other: walks, repeated a thousand times, stop dominating."
    p, kept = place_joints(feats.reshape(-1, 17, 3)[:, :16]), []
    for i in rng.permutation(len(p)):
        if not kept or np.linalg.norm(p[kept] - p[i], axis=-1).mean(-1).min() > distance:
            kept.append(i)
    return np.array(kept)


def kmeans(x, k, rng, iterations=40):
    centres = x[rng.choice(len(x), k, replace=False)]
    for _ in range(iterations):
        label = ((x[:, None] - centres) ** 2).sum(-1).argmin(1)
        centres = np.stack([x[label == j].mean(0) if (label == j).any() else x[rng.integers(len(x))] for j in range(k)])
    return label


def gaussian_mixture(x, k, rng, iterations=30, floor=2e-3):
    "Weights (k,), means (k,d), covariances (k,d,d) by EM, started from k-means, shrunk to the pooled covariance."
    n, d = x.shape
    r, pooled = np.eye(k)[kmeans(x, k, rng)], np.cov(x.T)
    for _ in range(iterations):
        mass = r.sum(0) + 1e-9
        mean, c = (r.T @ x) / mass[:, None], x[None] - ((r.T @ x) / mass[:, None])[:, None]
        shrink = (20 / (mass + 20))[:, None, None]
        cov = (
            np.einsum("nk,kni,knj->kij", r, c, c) / mass[:, None, None] * (1 - shrink)
            + shrink * 0.3 * pooled
            + floor * np.eye(d)
        )
        logp = np.log(mass / n) - 0.5 * (
            np.linalg.slogdet(cov)[1] + np.einsum("kni,kij,knj->nk", c, np.linalg.inv(cov), c)
        )
        r = np.exp(logp - logp.max(1, keepdims=True))
        r /= r.sum(1, keepdims=True)
    return mass / n, mean, cov


def fit_split(clip_list, rng):
    "Arrays of one split: PCA centre (51,), basis (51,d), weights (K,), means (K,d), Cholesky factors (K,d,d), component names."
    real = np.concatenate([c for clip in clip_list for c in (clip, mirrored(clip))])
    f_real = possible(real)
    f_real = f_real[covering(f_real, COVERAGE_MM, rng)]
    drawn = {}
    for name, fam in FAMILIES.items():
        shift = rng.uniform(-0.12, 0.12, 10)
        drawn[name] = possible(np.stack([draw_key_pose(fam, shift, rng) for _ in range(600)]))
        print(f"  {name:10s} possible {len(drawn[name]) / 600:.2f}")
    x = np.concatenate([f_real] + [f[: max(8, len(f_real) // len(FAMILIES))] for f in drawn.values()])
    centre = x.mean(0)
    values, vectors = np.linalg.eigh(np.cov((x - centre).T))
    basis = vectors[:, ::-1][:, :N_DIMS]
    print(
        f"  {len(real)} poses with mirrors, {len(f_real)} kept, {N_DIMS} dimensions explain {values[::-1][:N_DIMS].sum() / values.sum():.3f}"
    )
    parts = [("cmu", CMU_SHARE, gaussian_mixture((f_real - centre) @ basis, N_COMPONENTS, rng))]
    parts += [
        (n, (1 - CMU_SHARE) / len(FAMILIES), gaussian_mixture((f - centre) @ basis, FAMILY_COMPONENTS, rng, floor=1e-3))
        for n, f in drawn.items()
    ]
    weights = np.concatenate([share * w for _, share, (w, _, _) in parts])
    return dict(
        centre=centre,
        basis=basis,
        weights=weights / weights.sum(),
        means=np.concatenate([m for _, _, (_, m, _) in parts]),
        factors=np.concatenate([np.linalg.cholesky(c) for _, _, (_, _, c) in parts]),
        names=np.array([n for n, _, (w, _, _) in parts for _ in w]),
    )


def main():
    samples, rng = Path(os.environ["PGP_SAMPLES"]), np.random.default_rng(20)
    out = {}
    for split, clip_list in clips(samples).items():
        print(split, len(clip_list), "clips")
        tri = np.tril_indices(N_DIMS)
        for k, v in fit_split(clip_list, rng).items():
            out[f"{split}_{k}"] = (
                v[:, tri[0], tri[1]].astype(np.float16)
                if k == "factors"
                else v
                if k == "names"
                else v.astype(np.float32)
            )
    target = Path(__file__).parents[1] / "pgp_nb/data/pose_prior.npz"
    target.parent.mkdir(exist_ok=True)
    np.savez_compressed(target, **out)
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
