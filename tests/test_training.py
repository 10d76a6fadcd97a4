"""Training from the outside: command line, killed runs, the papermill notebook, and mistakes people make."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from functools import partialmethod
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from helpers import ROOT, papermill, python
from pgp_nb import losses
from pgp_nb.conventions import UNKNOWN
from pgp_nb.datasets.saliency import saliency_scores
from pgp_nb.datasets.samples import Sample, write_samples
from pgp_nb.engine.commands import _in_turn, _read_studies, _study_config
from pgp_nb.engine.config import changed, load_config
from pgp_nb.engine.data import noise_data
from pgp_nb.engine.loading import held_out_frames, load_data
from pgp_nb.engine.measure import validate
from pgp_nb.engine.runs import read_curve, _save_checkpoint
from pgp_nb.evaluation import evaluate
from pgp_nb.networks import foreground
from pgp_nb.training import Trainer, step

QUICK = ["--preset", "tiny", "--device", "cpu"]


def command(environment, *arguments, **options):
    return python("-m", "pgp_nb.training", *arguments, env=environment, **options)


@pytest.fixture(scope="module")
def whole(environment, tmp_path_factory):
    "An uninterrupted run."
    run = tmp_path_factory.mktemp("whole")
    done = command(environment, *QUICK, "--run", str(run))
    assert done.returncode == 0, done.stderr[-2000:]
    return run


def test_run_leaves_what_it_promises(whole):
    promised = "config.yaml checkpoint.pt optimizer.pt best.safetensors weights.safetensors"
    promised += " curve.jsonl metrics.json tensorboard"
    assert set(promised.split()) <= {p.name for p in whole.iterdir()}
    metrics = json.loads((whole / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["iterations"] == 30
    assert 0 < metrics["pa_mpjpe"] < 400 and 0 <= metrics["f1_fg"] <= 1
    assert metrics["pa_mpjpe_ci"][0] < metrics["pa_mpjpe"] < metrics["pa_mpjpe_ci"][1]


def test_what_documents_cite_of_a_run_is_kept(environment, whole, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    monkeypatch.setenv("PGP_DATA", environment["PGP_DATA"])
    import collect

    options = dict(curve=True, facing=True, picture=True, people=8, columns=3)
    collect.collect([whole], kept=tmp_path, pictures=tmp_path, **options)
    assert {p.name for p in tmp_path.iterdir()} == {"results.csv", "curves.csv", "facing.csv", f"{whole.name}.jpg"}
    kept = collect.read_results(tmp_path / "results.csv")[whole.name]
    assert (
        kept.metrics == json.loads((whole / "metrics.json").read_text(encoding="utf-8"))
        and kept.config["size"]
        and kept.decoder
    )
    facing = collect.read_series(tmp_path / "facing.csv")[whole.name]
    assert len(facing["predicted"]) == len(facing["true"]) == 8 and all(-1 <= x <= 1 for x in facing["true"])


def test_the_best_validation_error_picks_the_weights(whole):
    curve, metrics = read_curve(whole / "curve.jsonl"), json.loads((whole / "metrics.json").read_text(encoding="utf-8"))
    errors = {r["iteration"]: r["val/pa_mpjpe"] for r in curve if "val/pa_mpjpe" in r}
    assert list(errors) == [10, 20, 30]
    begun = {i: e for i, e in errors.items() if i > 15}  # bootstrap and warm-up end at 15
    assert metrics["val_pa_mpjpe"] == min(begun.values()) and metrics["best_iteration"] == min(begun, key=begun.get)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopped_run_resumes_to_the_same_weights(environment, whole, tmp_path, how):
    with subprocess.Popen(
        [sys.executable, "-m", "pgp_nb.training", *QUICK, "--run", str(tmp_path)],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.time() + 120
        while not (tmp_path / "checkpoint.pt").exists() and process.poll() is None and time.time() < deadline:
            time.sleep(0.01)
        process.send_signal(how)
    assert process.returncode == (-9 if how == signal.SIGKILL else 0)
    reached = torch.load(tmp_path / "optimizer.pt", weights_only=True)["iteration"]
    assert 0 < reached < 30, "the run was not killed half-way"
    done = command(environment, *QUICK, "--run", str(tmp_path))
    assert done.returncode == 0, done.stderr[-2000:]
    ours, theirs = load_file(tmp_path / "weights.safetensors"), load_file(whole / "weights.safetensors")
    assert all(torch.equal(ours[k], theirs[k]) for k in theirs)


def test_a_run_stopped_by_the_clock_goes_on_well_from_its_small_checkpoint(environment, whole, tmp_path):
    "Without the optimizers' moments the run ends near the uninterrupted one: its losses within 15 %."
    run = tmp_path / "run"
    done = command(environment, *QUICK, "--run", str(run), "--minutes", "0.01")
    assert done.returncode == 0 and "the same command goes on" in done.stdout, done.stderr[-2000:]
    assert not (run / "metrics.json").exists()
    assert (run / "checkpoint.pt").stat().st_size < 0.1 * (whole / "optimizer.pt").stat().st_size
    (run / "optimizer.pt").unlink()
    done = command(environment, *QUICK, "--run", str(run))
    assert done.returncode == 0, done.stderr[-2000:]
    ours, theirs = (read_curve(folder / "curve.jsonl") for folder in (run, whole))
    last = [{k: v for row in rows for k, v in row.items()} for rows in (ours, theirs)]
    assert last[0].keys() == last[1].keys() and last[0]["iteration"] == 30
    assert all(abs(last[0][k] - last[1][k]) < 0.15 * abs(last[1][k]) for k in ("paint", "image_u", "seg")), last


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--set", "lrr=1"], "did you mean lr?"),
        (["--set", "lr=fast"], "lr: expected float"),
        (["--set", "terms.segg=1"], "did you mean terms.seg?"),
        (["--set", "terms.lift.view=1"], "did you mean terms.lift.views?"),
        (["--set", "iterations=5"], "exceed iterations"),
        (["--preset", "none"], "known presets: default, demo"),
        (["--set", "start_from=nowhere"], "train that run first"),
        (["--set", "train_data=nowhere"], "not a prepared folder"),
        (["--set", "mixed=nowhere"], "not a prepared folder"),
        (["--minutes", "0"], "invalid positive value"),
        (["--set", "poses=nowhere.npz"], "no file of poses"),
        (["--set", "optimizer=sgd"], "choose 'adam'"),
        (["--set", "shards=3"], "does not divide into 3 shards"),
    ],
)
def test_mistakes_stop_before_any_work(environment, tmp_path, arguments, message):
    done = command(environment, *QUICK, "--run", str(tmp_path / "run"), *arguments)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_what_an_evaluation_adds_stays_when_a_finished_run_is_called_again(environment, whole):
    path = whole / "metrics.json"
    before = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(before | {"flip_test": {"pa_mpjpe": 1.0}}), encoding="utf-8")
    done = command(environment, *QUICK, "--run", str(whole))
    assert done.returncode == 0 and json.loads(path.read_text(encoding="utf-8")) == before | {
        "flip_test": {"pa_mpjpe": 1.0}
    }
    path.write_text(json.dumps(before), encoding="utf-8")


def test_full_disk_keeps_the_last_checkpoint(whole, tmp_path, monkeypatch):
    trainer = Trainer(load_config(QUICK[1]), noise_data(1, 64), "cpu")
    _save_checkpoint(trainer, tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    trainer.iteration = 1

    def no_space(state, path):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", no_space)
    with pytest.raises(OSError, match="free some disk space"):
        _save_checkpoint(trainer, tmp_path)
    assert set(before) == {"checkpoint.pt", "optimizer.pt"}
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_papermill_notebook_reports_a_run(environment, whole):
    done = papermill("train", whole / "train.ipynb", "-p", "preset", "tiny", "-p", "run", whole, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    metrics = json.loads((whole / "metrics.json").read_text(encoding="utf-8"))
    assert all(metrics[row]["pa_mpjpe"] > 0 for row in ("mean_pose", "supervised")) and metrics["pa_mpjpe"] > 0
    assert {"curves.png", "held_out.png", "poses.png"} <= {p.name for p in whole.iterdir()}
    outputs = [o for c in nbformat.read(whole / "train.ipynb", 4).cells if c.cell_type == "code" for o in c.outputs]
    assert sum("image/png" in o.get("data", {}) for o in outputs) >= 3


def test_papermill_notebook_trains_where_nothing_is_known(environment, tmp_path):
    "Films of one's own: no joints, no held-out data, no baseline; the report says so."
    data = noise_data(6, 64)
    nothing = lambda *shape: np.full(shape, np.nan, np.float32)
    unknown = dict(
        parts=np.full((2, 64, 64), UNKNOWN, np.uint8),
        joints_3d=nothing(2, 17, 3),
        joints_2d=nothing(2, 17, 2),
        rotation=nothing(2, 3, 3),
        translation=nothing(2, 3),
        intrinsics=nothing(2, 3, 3),
    )
    pairs = (
        Sample(images.permute(0, 2, 3, 1).numpy(), saliency.numpy(), **unknown, name=f"film/{i}")
        for i, (images, saliency) in enumerate(zip(data.images, data.saliency))
    )
    write_samples(pairs, tmp_path / "films", {}, progress=False)
    parameters = dict(train_data=tmp_path / "films", run=tmp_path / "run", validate_every=0)
    parameters |= dict(iterations=4, bootstrap=1, warmup=1, batch_size=4)
    options = [word for k, v in parameters.items() for word in ("-p", k, v)]
    done = papermill("train", tmp_path / "out.ipynb", *options, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    text = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    assert "there is no supervised baseline" in text and "No held-out data" in text
    assert (tmp_path / "run/weights.safetensors").exists()


def test_a_finished_run_reports_what_its_weights_were_trained_with(environment, whole):
    refused = command(environment, *QUICK, "--run", str(whole), "--set", "terms.seg=0.5")
    assert refused.returncode == 2 and "holds another configuration: terms" in refused.stderr
    written = (whole / "config.yaml").read_text(encoding="utf-8")
    assert command(environment, *QUICK, "--run", str(whole), "--set", "lr=0.5").returncode == 0
    assert (whole / "config.yaml").read_text(encoding="utf-8") == written


@pytest.mark.parametrize(
    "parameters, message",
    [
        (["-p", "iteratoins", "5"], "did you mean iterations?"),
        (["-p", "batch_size", "2.5"], "batch_size: expected int"),
        (["-p", "resume", "maybe"], "resume: expected bool"),
    ],
)
def test_papermill_parameters_are_checked(environment, tmp_path, parameters, message):
    where = ("-p", "run", tmp_path / "run")
    done = papermill("train", tmp_path / "out.ipynb", *where, *parameters, env=environment)
    assert done.returncode != 0 and message in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_list_of_runs_goes_on_where_it_stopped(environment, tmp_path, monkeypatch):
    small = "{iterations: 3, bootstrap: 1, warmup: 1, validate_every: 3, pairs: [16, 4, 4]}"
    broken = tmp_path / "broken.yaml"
    broken.write_text("base: tiny\nstart_from: runs/never-s{seed}\n", encoding="utf-8")
    asked = f"{{studies: [tiny, {broken}], seeds: [0, 1], runs: {tmp_path / 'runs'}, overrides: {small}}}"
    done = papermill("ablations", tmp_path / "out.ipynb", "-y", asked, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    runs = {p.parent.name: p.stat().st_mtime_ns for p in (tmp_path / "runs").glob("*/metrics.json")}
    assert set(runs) == {"tiny-s0", "tiny-s1"}
    text = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    assert "broken-s0 failed" in text and "train that run first" in text and "tiny-s1" in text
    means = json.loads((tmp_path / "runs/ablations.json").read_text(encoding="utf-8"))
    each = [
        json.loads((tmp_path / "runs" / name / "metrics.json").read_text(encoding="utf-8"))["pa_mpjpe"] for name in runs
    ]
    assert means["tiny"]["pa_mpjpe"] == pytest.approx(sum(each) / 2)
    (tmp_path / "runs/tiny-s1/metrics.json").unlink()
    monkeypatch.setenv("PGP_DATA", environment["PGP_DATA"])
    _in_turn(["tiny"], [0, 1], tmp_path / "runs", yaml.safe_load(small), progress=False)
    again = {p.parent.name: p.stat().st_mtime_ns for p in (tmp_path / "runs").glob("*/metrics.json")}
    assert again["tiny-s0"] == runs["tiny-s0"] and again["tiny-s1"] > runs["tiny-s1"]


QUICKEST = "iterations: 2, bootstrap: 1, warmup: 0, validate_every: 0, pairs: [16, 4, 4], unpaired: 64"


def test_studies_and_releases_from_the_command_line(environment, tmp_path):
    (tmp_path / "studies.yaml").write_text(
        f"first: {{about: one, base: tiny, {QUICKEST}}}\nsecond: {{base: first, lr: 1.0e-4}}\n", encoding="utf-8"
    )
    study = ("--device", "cpu", "--studies", str(tmp_path / "studies.yaml"))
    done = command(environment, *study, "second", "--run", str(tmp_path / "runs"))
    assert done.returncode == 0 and "1 of 1 runs finished" in done.stdout, done.stderr[-2000:]
    assert [p.name for p in (tmp_path / "runs").iterdir()] == ["second-s0"]
    wrong = command(environment, *study, "secnd", "--run", str(tmp_path / "runs"))
    assert wrong.returncode == 2 and "did you mean second?" in wrong.stderr
    stages = f"  - {{run: first, base: tiny, {QUICKEST}}}\n"
    stages += "  - {run: second, base: first, start_from: '{runs}/first-s{seed}'}\n"
    (tmp_path / "release.yaml").write_text(f"name: toy\nships: second\nstages:\n{stages}", encoding="utf-8")
    released = command(
        environment, "--device", "cpu", "--release", str(tmp_path / "release.yaml"), "--run", str(tmp_path / "chain")
    )
    assert released.returncode == 0 and str(tmp_path / "chain/second-s0") in released.stdout, released.stderr[-2000:]
    assert (tmp_path / "chain/second-s0/weights.safetensors").exists()


QUEUE = {  # Slurm, as far as experiments/slurm.sh goes: the tasks of an array job all at once
    "sbatch": """
array, script, *words = sys.argv[1:]
first, last = map(int, array.removeprefix("--array=").split("-"))
given = lambda task: os.environ | {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_CPUS_PER_TASK": "1"}
tasks = [subprocess.Popen(["bash", script, *words], env=given(task)) for task in range(first, last + 1)]
sys.exit(max(task.wait() for task in tasks))
""",
    "srun": "os.execvp(sys.argv[1], sys.argv[1:])",
    "pgp-nb": "from pgp_nb.commands import pgp_command\nsys.exit(pgp_command())",
}


def test_workers_of_an_array_job_train_each_run_once(environment, tmp_path):
    for name, code in QUEUE.items():
        (tmp_path / name).write_text(f"#!{sys.executable}\nimport os, subprocess, sys\n{code}", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "studies.yaml").write_text(f"row: {{base: tiny, {QUICKEST}}}\n", encoding="utf-8")
    hook = (
        "def track(run, config):\n    open(run / 'begun.txt', 'a').write('x')\n    return lambda values, step: None\n"
    )
    (tmp_path / "hooks.py").write_text(hook, encoding="utf-8")
    paths = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": f"{ROOT}"}
    words = ["--array=1-2", ROOT / "experiments/slurm.sh", "studies.yaml", "--run", "runs", "--track", "hooks:track"]
    sent = subprocess.run(["sbatch", *words], env=environment | paths, cwd=tmp_path, capture_output=True, text=True)
    assert sent.returncode == 0 and sent.stdout.count("1 of 1 runs finished") == 2, sent.stdout + sent.stderr[-2000:]
    assert (tmp_path / "runs/row-s0/begun.txt").read_text(encoding="utf-8") == "x"
    assert [row["iteration"] for row in read_curve(tmp_path / "runs/row-s0/curve.jsonl")] == [1, 2]
    assert "1 done" in (tmp_path / "runs/jobs.txt").read_text(encoding="utf-8") and not list(
        tmp_path.glob("runs/*/.claim*")
    )


SMALL = dict(backbone="resnet18", imagenet=None, width=8, size=32, pose_features=32, top_down=8, lifter=32)
SOON = dict(paint=dict(cutouts_start=0), self_training=dict(start=0), image_c=dict(start=0))


def test_the_study_without_tfk_differs_in_one_value_and_trains():
    full = asdict(load_config("unsup"))
    ablated = _study_config("without-tfk", _read_studies(ROOT / "experiments/studies.yaml"))
    other = [(g, k) for g, values in asdict(ablated).items() for k, v in values.items() if v != full[g][k]]
    assert other == [("network", "pose")] and ablated.network.mirrored and not ablated.network.kinematic
    quick = changed(ablated, **SMALL, iterations=8, bootstrap=4, warmup=1, batch_size=4, terms=SOON)
    trainer = Trainer(quick, noise_data(), "cpu")
    found = [step(trainer) for _ in range(8)]
    assert set(found[0]) == {"silhouette", "lift", "paint"} and {"image_u", "energy_pose_decoder"} <= set(found[-1])
    assert all(np.isfinite(list(row.values())).all() for row in found)
    alone = dict.fromkeys(quick.terms, 0.0) | dict(lift=1.0)
    trainer = Trainer(changed(quick, terms=alone, iterations=60, bootstrap=60, warmup=0, lr=5e-3), noise_data(), "cpu")
    lift = [step(trainer)["lift"] for _ in range(60)]
    assert np.mean(lift[-10:]) < 0.8 * np.mean(lift[:10])


def without_saliency(data, pairs):
    "The same data, of the last `pairs` pairs of which no m_sal is known."
    saliency = data.saliency.clone()
    saliency[-pairs:] = 0
    return data._replace(saliency=saliency)


def test_unknown_saliency_leaves_no_trace_in_the_losses():
    "A batch of which half is without m_sal has the loss of the other half alone."
    g = torch.Generator().manual_seed(0)
    image, target, source = torch.rand(3, 4, 3, 32, 32, generator=g)
    logits, features = torch.randn(4, 11, 32, 32, generator=g), torch.rand(4, 3, 32, 32, generator=g)
    half = torch.rand(4, 32, 32, generator=g)
    half[2:] = torch.nan
    pairs = (
        (losses.image_u_loss, (image, logits, target)),
        (losses.silhouette_loss, (logits[:, 0],)),
    )
    for loss, of in pairs:
        alone, given = [x[:2] for x in of], [x.clone().requires_grad_() for x in of]
        both = loss(*given, half)
        torch.testing.assert_close(both, loss(*alone, half[:2]))
        both.backward()
        assert all(not x.grad[2:].any() for x in given if x.grad is not None)
    maps = losses.PoseMaps(None, torch.ones(4, 32, 32), torch.zeros(4, 32, 32), None)
    inside = lambda n: losses.image_c_loss(
        image[:n], losses.PoseMaps(*(x if x is None else x[:n] for x in maps)), features[:n], source[:n], half[:n]
    )
    torch.testing.assert_close(inside(4), inside(2))  # no pixel lies outside these puppets


@pytest.mark.parametrize("pairs", [4, 8])
def test_a_run_of_which_saliency_is_unknown_passes_every_stage(pairs):
    "With that of some frames, and with none: then the decoder still sees people, and no silhouette is learned."
    data, known = without_saliency(noise_data(), pairs), dict(silhouette=1.0, paint=dict(cutouts=0.5))
    unseen = dict(silhouette=0.0, paint=dict(cutouts=0.0))
    cfg = changed(
        load_config("tiny"), **SMALL, iterations=16, bootstrap=3, warmup=9, lr=3e-3, batch_size=4, validate_every=0
    )
    cfg = changed(cfg, silhouette=8 if pairs < 8 else 0, terms=SOON | (known if pairs < 8 else unseen))
    trainer = Trainer(cfg, data, "cpu")
    found = [step(trainer) for _ in range(16)]
    assert all(np.isfinite(list(row.values())).all() for row in found) and {"image_u", "seg"} <= set(found[-1])
    with torch.no_grad():
        out = trainer.net.eval()(data.images[:, 0].float() / 255)
    seen, puppet = foreground(out.painted.logits), out.maps.w_fg
    inside, outside = ((seen * x).sum() / x.sum() for x in (puppet, 1 - puppet))
    assert inside > 0.4 and outside < 0.2


def test_an_unknown_map_is_scored_by_nobody():
    data = noise_data()
    nothing = torch.full_like(data.saliency, UNKNOWN)
    pairs = dict(images=data.images, joints_3d=data.joints_3d, joints_2d=data.joints_2d, parts=nothing)
    held = held_out_frames(pairs)
    parts = torch.zeros_like(held.truth["parts"])
    scores = evaluate({"joints_3d": held.truth["joints_3d"], "parts": parts, "puppet_parts": parts}, held.truth)
    assert "mpjpe" in scores and not any(name.startswith("f1") for name in scores)
    nobody = np.zeros((2, 16, 16), bool)
    with pytest.raises(ValueError, match="nothing to find"):
        saliency_scores(nobody.astype(np.float32), nobody)


def test_a_compiled_run_takes_the_same_course_and_is_soon_compiled(environment, monkeypatch):
    "The eager backend traces and guards as the others do, and computes what the plain network computes."
    from torch._dynamo.testing import CompileCounterWithBackend

    counter = CompileCounterWithBackend("eager")
    monkeypatch.setattr(torch.nn.Module, "compile", partialmethod(torch.nn.Module.compile, backend=counter))
    monkeypatch.setenv("PGP_DATA", environment["PGP_DATA"])
    soon = dict(multi_view=1.0, self_training=dict(start=1), paint=dict(cutouts_start=1))
    cfg = load_config("tiny", dict(terms=soon, precision="float32", bootstrap=3, warmup=2))
    data = load_data(cfg, False)

    def course(compile):
        trainer, losses, graphs = Trainer(changed(cfg, compile=compile), data.train, "cpu"), [], []
        for i in range(10):
            losses.append(step(trainer))
            if i % 3 == 2:
                losses.append(validate(trainer, data.val))
            graphs.append(counter.frame_count)
        return losses, graphs

    with torch._dynamo.config.patch(fail_on_recompile_limit_hit=True):
        compiled, graphs = course(True)
    assert compiled == course(False)[0]
    assert 0 < graphs[0] < graphs[6] == graphs[-1] == counter.frame_count, graphs
