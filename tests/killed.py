"""Commands that are killed, `kill -9`, at random moments, and started again until they are through.

Nothing that was written may be damaged, the same command goes on, and in the end everything is as after a run that nobody
disturbed. Commands run in forks of one process, which spares each the seconds of importing torch.
"""

import hashlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from pgp_nb import finding
from pgp_nb.commands import pgp_command
from pgp_nb.engine import config, runs
from pgp_nb.networks import PGPNet, load_net, save_net


class Command(NamedTuple):
    "What is run, and how its folder is looked at."

    name: str
    inputs: Callable[[Path], None]  # writes what the command reads
    words: Callable[[Path], list[str]]  # of `pgp-nb`, for a folder
    whole: Callable[[Path], None]  # raises where a file of a killed run is damaged
    result: Callable[[Path], dict]  # of a run that is through


class Found(NamedTuple):
    "What came of some kills."

    kills: int
    same: int  # runs that came through and left what an undisturbed one leaves
    failures: list[str]


def walking(path, frames, seconds, seed=0):
    "A film of a figure of rectangles that walks and swings its arms."
    from test_videos import puppet_film, write_film

    film, _ = puppet_film(frames)
    write_film(path, np.roll(film, seed, 2), fps=frames / seconds)


def films(folder):
    (folder / "films").mkdir()
    for i in range(4):
        walking(folder / f"films/{i}.avi", 16, 1.6, i)


def prints(folder, pattern="**/*"):
    "What is in a folder: a fingerprint of each file."
    hidden = lambda path: any(part[0] == "." for part in path.relative_to(folder).parts)
    files = (p for p in sorted(folder.glob(pattern)) if p.is_file() and not hidden(p))
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def whole_shards(folder):
    "A shard that is there is the one of an undisturbed run."
    right = json.loads((folder / "right.json").read_text(encoding="utf-8"))
    for name, found in prints(folder / "out").items():
        assert right[name] == found, f"{name} is not what it should be"


TRAIN = dict(
    size=32,
    width=8,
    pose_features=32,
    iterations=12,
    bootstrap=4,
    warmup=4,
    batch_size=4,
    shards=1,
    pairs=[8, 4, 4],
    unpaired=64,
)
TRAIN |= dict(checkpoint_every=2, validate_every=4, precision="float32")


def train_words(folder):
    options = [f"--set={k}={v}" for k, v in TRAIN.items()]
    return ["train", "--preset", "tiny", "--run", str(folder / "run"), "--device", "cpu", *options]


def whole_run(folder):
    run = folder / "run"
    runs._read_checkpoint(run)
    if (run / "config.yaml").exists():
        runs.run_configuration(run)
    for name in ("best.safetensors", "weights.safetensors"):
        if (run / name).exists():
            load_net(run / name)
    if (run / "metrics.json").exists():
        json.loads((run / "metrics.json").read_text(encoding="utf-8"))


def run_result(folder):
    metrics = json.loads((folder / "run/metrics.json").read_text(encoding="utf-8"))
    metrics.pop("seconds")
    return {"metrics": metrics, "losses": losses(folder)} | prints(folder / "run", "*.safetensors")


def losses(folder):
    return {row["iteration"]: row.get("loss") for row in runs.read_curve(folder / "run/curve.jsonl")}


def film_and_net(folder):
    import torch

    torch.manual_seed(0)
    cfg = config.changed(config.load_config("tiny"), size=32, width=8, pose_features=32).network
    (folder / "net").mkdir()
    save_net(PGPNet(cfg), folder / "net/weights.safetensors")
    (folder / "in").mkdir()
    walking(folder / "in/walk.avi", 60, 30.0)


def predict_words(folder):
    return [
        "predict",
        str(folder / "in/walk.avi"),
        "--weights",
        str(folder / "net"),
        "--out",
        str(folder / "out"),
        "--device",
        "cpu",
        "--only",
        "overlay",
        "json",
        "npz",
    ]


def nothing_half(folder):
    "Files that are written only when a film is through, and whole then; stretches that are there can be read."
    whole_shards(folder)
    for path in (folder / "out").glob(".*.part/[0-9]*.npz"):
        finding._read_stretch(path)


COMMANDS = [
    Command(
        "prepare videos",
        films,
        lambda folder: [
            "prepare",
            "videos",
            "--root",
            str(folder / "films"),
            "--out",
            str(folder / "out"),
            "--size",
            "32",
            "--quiet",
        ],
        whole_shards,
        lambda folder: prints(folder / "out"),
    ),
    Command("train", lambda folder: None, train_words, whole_run, run_result),
    Command("predict", film_and_net, predict_words, nothing_half, lambda folder: prints(folder / "out")),
]


def forked(work):
    "The number of a new process that does this."
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.setsid()
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        code = work() or 0
    finally:
        os._exit(code)


def code_of(process, seconds=300.0):
    "How a process ends; one that does not within the time is killed."
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def cleared(folder, inputs):
    "Take away what the command has made."
    for path in folder.iterdir():
        if path.name not in inputs:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def kill(command: Command, kills: int, seed: int = 0) -> Found:
    "Kill a command again and again; it is started anew each time, and from the beginning once it is through."
    cv2.setNumThreads(1)
    rng, failures, done, same = np.random.default_rng(seed), [], 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assert code_of(forked(lambda: command.inputs(folder))) == 0, "the inputs could not be written"
        run = lambda: pgp_command(command.words(folder))
        assert code_of(forked(run)) == 0, f"{command.name} does not run at all"
        right = command.result(folder)
        (folder / "right.json").write_text(json.dumps(right), encoding="utf-8")
        inputs = {"right.json", "films", "in", "net"}
        cleared(folder, inputs)
        begun = time.monotonic()
        assert code_of(forked(run)) == 0
        took = time.monotonic() - begun
        if command.result(folder) != right:
            failures.append("two undisturbed runs differ")
        cleared(folder, inputs)
        while done < kills:
            process = forked(run)
            code = code_of(process, rng.uniform(0, took))
            if code == -signal.SIGKILL:
                done += 1
                if code_of(forked(lambda: command.whole(folder))):
                    failures.append(f"kill {done}: something is damaged")
                continue
            if code:
                failures.append(f"kill {done}: the command does not go on, exit code {code}")
            elif command.result(folder) != right:
                theirs = command.result(folder)
                failures.append(f"kill {done}: {[k for k in right if right[k] != theirs.get(k)]} differ")
            else:
                same += 1
            cleared(folder, inputs)
        code = code_of(forked(run))
        same += (ok := code == 0 and command.result(folder) == right)
        if not ok:
            failures.append(f"at the end: exit code {code}")
    return Found(done, same, failures)
