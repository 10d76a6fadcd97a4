"""How many pictures a second: joints, parts and everything, in PyTorch and ONNX Runtime, beside MediaPipe's Pose.

python tools/speed.py SAMPLES [--mediapipe FOLDER]     writes experiments/speed.csv

SAMPLES is the folder that PGP_SAMPLES names; of the photographs in it some are read. MediaPipe has requirements of
its own (NumPy 1): `pip install --target FOLDER "mediapipe==0.10.21" "numpy<2" "protobuf<5" ...` keeps them apart.

Every candidate is a process of its own with one thread; they take turns, a repetition each, and what counts is CPU time, so
that other work on the machine weighs on all of them alike. Figures are medians of the repetitions.
"""

import argparse, csv, glob, os, statistics, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MEDIAPIPE = "MediaPipe Pose, complexity 1: detector and landmarks"
REPEATED = "MediaPipe Pose, every picture for a second time: landmarks only, as in films"
JOINTS, BOTH = "joints, ONNX Runtime", "joints, ONNX Runtime, with flip test"


def photographs(samples, count):  # (H,W,3) uint8 RGB
    "The first photographs of the sample."
    import cv2

    cv2.setNumThreads(1)
    files = sorted(glob.glob(f"{samples}/lsp_extended_sample/**/*.jpg", recursive=True))[:count]
    return [cv2.imread(f)[..., ::-1].copy() for f in files]


def with_mediapipe(images, folder):
    "Calls that each read one picture."
    sys.path.insert(0, folder)
    import mediapipe

    single = mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=1)
    film = mediapipe.solutions.pose.Pose(static_image_mode=False, model_complexity=1)
    again = [(lambda i=i: film.process(i), lambda i=i: film.process(i)) for i in images]
    return {MEDIAPIPE: [(None, lambda i=i: single.process(i)) for i in images], REPEATED: again}


def with_torch(images):
    "Calls that each read all pictures, by what they find."
    from pgp_nb.prediction import PGP

    pgp = PGP.from_pretrained(device="cpu")
    wanted = {
        "joints, PyTorch": dict(what="joints", flip_test=False),
        "joints, PyTorch, with flip test": dict(what="joints"),
        "joints and parts, PyTorch": dict(what="parts", flip_test=False, paste=False),
        "joints and parts, PyTorch, with flip test": dict(what="parts", paste=False),
        "everything, PyTorch": dict(flip_test=False, paste=False),
        "everything, PyTorch, with flip test, parts in the whole pictures (default)": {},
    }
    return {name: [(None, lambda k=k: pgp.predict_crops(images, **k))] for name, k in wanted.items()}


def with_onnx(images, folder):
    "The same, in ONNX Runtime."
    from pgp_nb.export import OnnxJoints

    made = {JOINTS: OnnxJoints(f"{folder}/plain.onnx", 1), BOTH: OnnxJoints(f"{folder}/flip.onnx", 1)}
    return {name: [(None, lambda m=m: m.predict(images))] for name, m in made.items()}


def steps(images):
    "What each measure gives the encoder, and what the other steps cost."
    from copy import deepcopy

    import numpy as np
    import torch
    from pgp_nb.engine.images import crop, square_of
    from pgp_nb.prediction import PGP, _fold, _paste_labels

    pgp = PGP.from_pretrained(device="cpu")
    net, size, many = pgp.net, pgp.net.cfg.size, min(32, len(images))
    squares = [square_of(i, None, "") for i in images]
    cut = lambda: np.stack([crop(i, s, size) for i, s in zip(images, squares)])
    crops = torch.from_numpy(cut()).permute(0, 3, 1, 2) / 255
    folded = deepcopy(net)
    _fold(folded)
    folded.to(memory_format=torch.contiguous_format)
    last, quick = pgp.quick("everything"), pgp.quick("joints")

    def encode(net, batch, mode=torch.no_grad):
        def run():
            with mode():
                for chunk in crops.split(batch):
                    net.encode(chunk)

        return run

    with torch.no_grad():
        code = net.encode(crops)
        logits = net.complete(code).part_logits
    no_grad = lambda f: torch.no_grad()(f)
    fours = [type(code)._make(None if x is None else x[i : i + 4] for x in code) for i in range(0, len(images), 4)]
    named = {
        f"encoder as it is trained, {many} at a time": encode(net, many),
        "... 4 at a time": encode(net, 4),
        "... batch norms folded": encode(folded, 4),
        "... channels last": encode(last, 4),
        "... no silhouette and appearance, which joints do not need": encode(quick, 4),
        "... in inference_mode, not no_grad": encode(quick, 4, torch.inference_mode),
        "... 1 at a time": encode(quick, 1),
        f"... {many} at a time": encode(quick, many),
        "cutting out the crop": cut,
        "lifting, kinematics and camera": no_grad(lambda: [net.pose(c) for c in fours]),
        "parts without painting": no_grad(lambda: [net.parts_unpainted(c, net.pose(c)).argmax(1) for c in fours]),
        "parts by painting": no_grad(lambda: [net.complete(c).part_logits.argmax(1) for c in fours]),
        "parts pasted into the whole pictures": no_grad(
            lambda: [_paste_labels(x, s, *i.shape[:2]) for x, s, i in zip(logits, squares, images)]
        ),
    }  # fmt: skip
    return {name: [(None, call)] for name, call in named.items()}


def work(options):
    "A worker: for every line on its input, everything once; names and CPU seconds a picture on its output."
    images = photographs(options.samples, options.pictures)
    if options.worker == "mediapipe":
        calls = with_mediapipe(images, options.mediapipe)
    else:
        import torch

        torch.set_num_threads(1)
        calls = {"torch": with_torch, "steps": steps}[options.worker](images) if options.worker != "onnx" else with_onnx(images, options.folder)  # fmt: skip
    print("ready", file=sys.__stdout__, flush=True)
    for _ in sys.stdin:
        for name, some in calls.items():
            spent = 0.0
            for before, call in some:
                if before:
                    before()
                start = time.process_time()
                call()
                spent += time.process_time() - start
            print(f"{name}\t{spent / len(images)}", flush=True)
        print("done", flush=True)


def lines(process):
    "What a worker says until it is done."
    while (line := process.stdout.readline().strip()) not in ("done", "ready", ""):
        yield line


def measure(options):
    "All workers in turn; after each turn the median CPU seconds a picture, by name."
    workers = ["torch", "onnx", "steps"] + ["mediapipe"] * bool(options.mediapipe)
    with tempfile.TemporaryDirectory() as folder:
        from pgp_nb.export import export_onnx
        from pgp_nb.prediction import PGP

        pgp = PGP.from_pretrained(device="cpu")
        print(export_onnx(pgp, f"{folder}/plain.onnx"))
        print(export_onnx(pgp, f"{folder}/flip.onnx", flip_test=True))
        start = lambda name: subprocess.Popen(
            [sys.executable, __file__, options.samples, "--worker", name, "--folder", folder, "--pictures", str(options.pictures)]
            + (["--mediapipe", options.mediapipe] if name == "mediapipe" else []),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        running, spent = [start(name) for name in workers], {}
        for process in running:
            list(lines(process))
        for turn in range(options.repeats + 1):
            for process in running:
                process.stdin.write("go\n")
                process.stdin.flush()
                for name, seconds in (line.split("\t") for line in lines(process)):
                    if turn:  # the first is for warming up
                        spent.setdefault(name, []).append(float(seconds))
            if turn:
                yield {name: statistics.median(s) for name, s in spent.items()}
        for process in running:
            process.stdin.close()
            process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", help="folder of the real samples")
    parser.add_argument("--mediapipe", metavar="FOLDER", help="where MediaPipe is installed")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--pictures", type=int, default=16)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return work(options)
    for found in measure(options):
        write(found)
    for name, s in found.items():
        print(
            f"{name:75} {1e3 * s:6.1f} ms {1 / s:6.1f}/s", f"{found[MEDIAPIPE] / s:.2f}" if MEDIAPIPE in found else ""
        )


def write(found):
    "Keep what is measured so far."
    beside = found.get(MEDIAPIPE)
    with open(ROOT / "experiments" / "speed.csv", "w", newline="", encoding="utf-8") as f:
        table = csv.writer(f, lineterminator="\n")
        table.writerow(["what", "ms a picture", "pictures a second", "beside MediaPipe"])
        for name, s in found.items():
            table.writerow([name, f"{1e3 * s:.1f}", f"{1 / s:.1f}", f"{beside / s:.2f}" if beside else "missing"])


if __name__ == "__main__":
    main()
