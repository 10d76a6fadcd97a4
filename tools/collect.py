"""Keep what documents cite of finished runs, in experiments/: a row of results.csv each, and what figures need.

    python tools/collect.py runs/unsup-s0
    python tools/collect.py --curve runs/recipe-lift-s0     # its validation errors too, for curves.csv
    python tools/collect.py --facing runs/recipe-s0         # how far held-out people face the camera, for facing.csv
    python tools/collect.py --picture runs/recipe-joint-s0  # what it sees and paints, for nbs/images

A run that is there already is replaced. Nothing is written unless all runs are finished.
"""

import argparse, hashlib, json, subprocess
from pathlib import Path

import yaml

from pgp_nb.engine.results import Result, flat_metrics, read_results, read_series, write_results, write_series

ROOT = Path(__file__).resolve().parent.parent
KEPT, PICTURES = ROOT / "experiments", ROOT / "nbs/images"
SETTINGS = ("supervision", "share", "size", "pairs", "batch_size", "iterations", "start_from", "seed")
CURVE = ("pa_mpjpe", "pa_mpjpe_oracle_facing", "facing_error", "pck_2d")


def commit():
    "The short name of the commit that is checked out."
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"collect: the commit cannot be told: {done.stderr.strip()}")
    return done.stdout.strip()


def config_hash(config):
    "Twelve hexadecimal digits that change with any value of a configuration, not with the order of its names."
    return hashlib.sha256(json.dumps(config, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:12]


def setting(config, name):
    "A value by its plain name, wherever it is nested, the outermost first; None if there is none."
    groups = [config]
    while groups:
        for group in groups:
            if name in group and not isinstance(group[name], dict):
                return group[name]
        groups = [inner for group in groups for inner in group.values() if isinstance(inner, dict)]
    return None


LEVELS = {"supervised": "semi", "weak": "weak", "multi_view": "multi-view"}


def minimised(config):
    "The names of the terms of a run that have a weight."
    terms = setting_group(config, "terms")
    return [name for name, value in terms.items() if (value.get("weight", 1) if isinstance(value, dict) else value)]


def supervision(config):
    "The level of supervision that a run's terms come to; None where they are not told."
    chosen = minimised(config)
    if not chosen:
        return None
    return "full" if chosen == ["supervised"] else next((LEVELS[name] for name in chosen if name in LEVELS), "none")


def configuration(run):
    "The configuration of a run, the same wherever its folder lies: runs beside it are in `runs`."
    text = (run / "config.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text.replace(f"{run.resolve().parent}/", "runs/"))


def lineage(run):
    "The configurations of a run and of those that it starts from, as far as they lie beside it; its own first."
    from pgp_nb.networks import starts

    config = configuration(run)
    names = (setting(config, "start_from") or "").replace("{seed}", str(setting(config, "seed")))
    before = [run.parent / start.name for start in starts(names)]
    return [config, *(c for start in before if (start / "config.yaml").is_file() for c in lineage(start))]


def annotated(run):
    "The latest configuration of a run's lineage that knows anything of a pose; its own where none does."
    configs = lineage(run)
    return next((c for c in configs if supervision(c) not in (None, "none")), configs[0])


def setting_group(config, name):
    "A group of values by its name, wherever it is nested; empty if there is none."
    if isinstance(config.get(name), dict):
        return config[name]
    inner = (setting_group(group, name) for group in config.values() if isinstance(group, dict))
    return next((found for found in inner if found), {})


def read_run(run, at=None):
    "A finished run as it is kept, by the code of a commit (default: what is checked out)."
    from pgp_nb.engine.runs import paints

    for name in ("config.yaml", "metrics.json"):
        if not (run / name).is_file():
            raise SystemExit(f"collect: {run} has no {name}; is the run finished?")
    config = configuration(run)
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    try:
        flat_metrics(metrics)
    except ValueError as e:
        raise SystemExit(f"collect: {run}: {e}") from e
    known = annotated(run)
    config_shown = {name: setting(config, name) for name in SETTINGS}
    config_shown |= {"supervision": supervision(known), "share": setting(known, "share")}
    config_shown["test_data"] = Path(setting(config, "test_data") or setting(config, "train_data") or "people").name
    if isinstance(config_shown["pairs"], list):
        config_shown["pairs"] = config_shown["pairs"][0]  # of training
    shown = {name: value for name, value in config_shown.items() if value not in (None, "")}
    return Result(run.name, at or commit(), config_hash(config), paints(run), shown, metrics)


def read_curve(run):
    "Validation errors of a run by iteration."
    from pgp_nb.engine.runs import read_curve

    rows = [row for row in read_curve(run / "curve.jsonl") if f"val/{CURVE[0]}" in row]
    if not rows:
        raise SystemExit(f"collect: {run} was never validated; it has no curve")
    errors = {name: [round(row[f"val/{name}"], 4) for row in rows] for name in CURVE}
    return {"iteration": [row["iteration"] for row in rows]} | errors


def look(run, people=100, columns=6):
    "How far held-out people face the camera, predicted and true, and a sheet of what the network sees and paints."
    from pgp_nb.engine.loading import people_pairs
    from pgp_nb.engine.measure import picture_rows, predict_batches
    from pgp_nb.kinematics import face_vector
    from pgp_nb.prediction import PGP

    net = PGP.from_run(run).net
    held = people_pairs("test", people, net.cfg.size, progress=False)
    images, joints = held["images"][:, 1], held["joints_3d"][:, 1]
    found = predict_batches(net, images, decoder=False)["joints_3d"]
    towards = lambda joints: [round(x, 2) for x in (-face_vector(joints)[:, 2]).tolist()]
    sheet = picture_rows(net, held["images"][:columns, 0], images[:columns])
    return {"predicted": towards(found), "true": towards(joints)}, sheet


def keep(read, write, path, new):
    "Add or replace what is kept of runs in a table, which need not be there yet."
    write(path, (read(path) if path.exists() else {}) | new)


def save_picture(path, sheet):
    "Write a picture whole or not at all."
    import cv2
    from pgp_nb.engine.files import write_atomically

    quality = [cv2.IMWRITE_JPEG_QUALITY, 80]
    write_atomically(path, lambda temporary: cv2.imwrite(str(temporary), sheet[..., ::-1], quality))


def check_real(path, results):
    "Refuses runs that would lose the real test that the table has of them."
    there = read_results(path) if path.is_file() else {}
    lost = [
        run for run, result in results.items() if run in there and "real" in there[run].metrics.keys() - result.metrics
    ]
    if lost:
        raise SystemExit(
            f"collect: {path.name} has a real test of {', '.join(lost)}, metrics.json has none: "
            "run experiments/evaluate.ipynb on it with PGP_SAMPLES set"
        )


def collect(runs, curve=False, facing=False, picture=False, kept=KEPT, pictures=PICTURES, **options):
    "Keep runs in the tables of a folder; with `picture` also in a folder of pictures."
    results = {run.name: read_run(run) for run in runs}
    curves = {run.name: read_curve(run) for run in runs if curve}
    looks = {run.name: look(run, **options) for run in runs if facing or picture}
    check_real(kept / "results.csv", results)
    keep(read_results, write_results, kept / "results.csv", results)
    if curve:
        keep(read_series, write_series, kept / "curves.csv", curves)
    if facing:
        keep(read_series, write_series, kept / "facing.csv", {run: towards for run, (towards, _) in looks.items()})
    if picture:
        for run, (_, sheet) in looks.items():
            save_picture(pictures / f"{run}.jpg", sheet)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--curve", action="store_true", help="also keep validation errors")
    parser.add_argument("--facing", action="store_true", help="also keep how far held-out people face the camera")
    parser.add_argument("--picture", action="store_true", help="also keep a sheet of held-out people")
    collect(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
