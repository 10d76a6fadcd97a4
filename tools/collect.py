"""Keep what documents cite of finished runs: configuration, curve and metrics, without weights and checkpoints.

    python tools/collect.py runs/recipe-s0 runs/unsup-s0
"""
import argparse, shutil
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    for run in parser.parse_args().runs: print(collect(run))


if __name__ == "__main__": main()
