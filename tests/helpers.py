"What several test files share: where things are, what is skipped without sample data, how processes are run."

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = Path(os.environ.get("PGP_SAMPLES") or "no samples")  # real recordings, which do not travel with the project


def needs_samples(*names):
    "Skips a test where the folder of sample data, or one of these in it, is missing."
    there = all((SAMPLES / name).exists() for name in names)
    return pytest.mark.skipif(not there, reason=f"PGP_SAMPLES names no folder with {' and '.join(names)}")


def python(*arguments, **options):
    "What a Python process leaves: its exit status and what it said. It runs in the root of the repository."
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **{"cwd": ROOT} | options)


def papermill(notebook, output, *arguments, **options):
    "Run a notebook of experiments/, as `python` runs a module."
    quiet = ("--log-level", "ERROR", "--no-progress-bar")
    return python("-m", "papermill", *quiet, ROOT / f"experiments/{notebook}.ipynb", output, *arguments, **options)


def interruptible(*arguments):
    "A Python process in a group of its own, which heeds Ctrl-C even if the tests run in the background of a shell."
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        start_new_session=True,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for_files(files, child, seconds=120):
    "Wait until `files()` finds any; the process that writes them must not be through by then."
    deadline = time.time() + seconds
    while not files() and child.poll() is None and time.time() < deadline:
        time.sleep(0.01)
    assert child.poll() is None, "it was over before it could be stopped"


def points_apart(net):
    """An untrained network with its image points apart.

    Fresh ones are nearly one point, and a puppet of no size magnifies rounding errors."""
    g = torch.Generator().manual_seed(0)
    for heat in net.encoder.points.heat if net.encoder.points else ():
        torch.nn.init.normal_(heat.weight, std=2.0, generator=g)
    return net
