"""Keep what documents cite of finished runs: configuration, curve and metrics, without weights and checkpoints.

    python tools/collect.py runs/unsup-s0
    python tools/collect.py --look runs/recipe-s0 runs/recipe-self-s0   # and what the network sees and paints of held-out people
"""
import argparse, json, shutil
from pathlib import Path

RESULTS = Path(__file__).resolve().parent.parent / "experiments" / "results"
KEPT = ("config.yaml", "curve.jsonl", "metrics.json")


def collect(run, results=RESULTS):
    "Copy the small files of a run into `results`; a run without metrics is not finished and is refused."
    if not (run / "metrics.json").is_file(): raise SystemExit(f"collect: {run} has no metrics.json; is the run finished?")
    target = results / run.name
    target.mkdir(parents=True, exist_ok=True)
    for name in KEPT: shutil.copyfile(run / name, target / name)
    return target


def look(run, target, people=100, columns=6):
    "`pictures.jpg`, the rows of `training.picture_rows` for held-out people, and `towards.json`, how far they face the camera, predicted and true."
    import cv2
    from pgp_nb import training
    from pgp_nb.kinematics import face_vector
    from pgp_nb.prediction import PGP
    net = PGP.from_run(run).net
    held = training.people_pairs(training.TrainConfig(network=net.cfg), "test", people, progress=False)
    images, joints = held["images"][:, 1], held["joints_3d"][:, 1]
    sheet = training.picture_rows(net, held["images"][:columns, 0], images[:columns])
    cv2.imwrite(str(target / "pictures.jpg"), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    found = training.predict_batches(net, images, decoder=False)["joints_3d"]
    towards = {name: [round(x, 2) for x in (-face_vector(j)[:, 2]).tolist()] for name, j in (("predicted", found), ("true", joints))}
    (target / "towards.json").write_text(json.dumps(towards))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--look", action="store_true", help="also keep pictures of held-out people and where they face")
    options = parser.parse_args()
    for run in options.runs:
        target = collect(run)
        if options.look: look(run, target)
        print(target.relative_to(RESULTS.parent.parent))


if __name__ == "__main__": main()
