"""The paper's tables on its data: the commands of the dry run, executed on miniatures, fill every cell of the report."""

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers import ROOT
from pgp_nb.conventions import BACKGROUND, COARSE_PARTS, PARTS
from pgp_nb.datasets.lsp import _SIX_PARTS, write_lsp
from pgp_nb.datasets.prepare import prepare_command
from pgp_nb.engine.commands import _expanded, train_command
from pgp_nb.engine.results import flat_metrics
from pgp_nb.people.people import load_people

pytest.importorskip("cdflib", reason="the miniature of Human3.6M is written with cdflib")
pytest.importorskip("h5py", reason="the miniature of MPI-INF-3DHP is written with h5py")
cv2 = pytest.importorskip("cv2")
import make_human36m
import make_mpi_inf_3dhp
from test_report import built, row

STUDIES = str(ROOT / "experiments/studies.yaml")
TEST_SETS = [f"prepared/{name}-{{px}}" for name in ("h36m-test", "3dhp-test", "3dhp-universal", "lsp-test")]
SMALL = "size=32 width=8 pose_features=16 appearance_channels=4 decoder_width=4 batch_size=4 unpaired=32 pairs=[12,1,1]"
STAGES = {"h36m-default": "iterations=3 bootstrap=1 warmup=1", "h36m-paper": "iterations=2"}
SIDE = 32


def write_photographs(root, n=6):
    "Rendered people as LSP has photographs, with the six part labels of UPi-S1h."
    people = load_people("val", n, 64, progress=False)
    lsp = [3, 2, 1, 4, 5, 6, 16, 15, 14, 11, 12, 13, 8, 10]  # its joints among ours
    write_lsp(root / "lsp_dataset", list(people.images[:, 0]), people.joints_2d[:, 0][:, lsp])
    labels = root / "upi-s1h/data/lsp"
    labels.mkdir(parents=True)
    table = np.zeros(256, np.uint8)
    for i, part in enumerate(PARTS):
        table[i] = 1 + _SIX_PARTS.index(COARSE_PARTS[part.coarse])
    for i, parts in enumerate(people.parts[:, 0], 1):
        assert set(np.unique(parts)) <= {*range(BACKGROUND + 1)} and len(_SIX_PARTS) == 6
        cv2.imwrite(str(labels / f"im{i:04d}_part_segmentation.png"), table[parts])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    "The roots of the data sets, in miniature."
    root = tmp_path_factory.mktemp("data")
    make_human36m.write_raw(root / "h36m")
    make_mpi_inf_3dhp.write_all(root / "mpi_inf_3dhp")
    shutil.copytree(ROOT / "tests/fixtures/mocap", root / "mocap")
    write_photographs(root)
    return root


def dry_run(capsys, base, *names):
    "The lines of the script, without comments."
    sets = [x for text in f"{SMALL} {STAGES[base]}".split() for x in ("--set", text)]
    run = ["--run", f"runs/{base}", "--measure", *TEST_SETS, "--dry-run"]
    capsys.readouterr()
    assert train_command(["--studies", STUDIES, *names, "--base", base, *sets, *run]) == 0
    said = capsys.readouterr().out
    return said, [line for line in said.splitlines() if line and not line.startswith("#")]


def execute(line, data):
    "A command of the script, in this process, on the miniatures."
    python, dash, module, *arguments = shlex.split(line.replace(" /data/", f" {data}/"))
    assert (python, dash) == ("python", "-m"), line
    if module == "pgp_nb.prepare":
        more = {"human36m": ["--every", "10", "--gap", "5", "15"], "mpi_inf_3dhp": ["--every", "4", "--gap", "3", "9"]}
        if "test" in arguments:
            more = {}
        assert prepare_command([*arguments, *more.get(arguments[0], []), "--quiet"]) == 0
    else:
        assert module == "pgp_nb.training" and train_command([*arguments, "--device", "cpu"]) == 0, line


def cells(text, heading):
    "The first table under a heading of the report."
    section = text.split(f"\n## {heading}")[1].split("\n## ")[0]
    table = [[c.strip() for c in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    return [line for line in table if set("".join(line)) - set("-: ")]


@pytest.mark.slow
@pytest.mark.parametrize("base", ["h36m-default", "h36m-paper"])
def test_the_script_fills_every_cell_of_the_tables(base, data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    said, script = dry_run(capsys, base, "tables")
    rows = _expanded(["tables"], STUDIES)
    trained = [shlex.split(line)[5] for line in script if "pgp_nb.training" in line]
    assert sorted(trained) == sorted(rows) and "does not say how it is made" not in said
    for line in script:
        execute(line, data)
    text = built(tmp_path, [f"runs/{base}"])

    ours = lambda table, first: [line[first:] for line in table[1:] if "PGP" in line[0] or "Encoder" in line[0]]
    table_2 = ours(cells(text, "Table 2"), 3)
    assert len(table_2) == 5 and all(c not in ("–", "") for line in table_2 for c in line)
    table_3 = [line[4:] for line in cells(text, "Table 3")[1:]]
    assert len(table_3) == 4 and all(c not in ("–", "") for line in table_3 for c in line)
    table_4 = ours(cells(text, "Table 4"), 5)
    assert len(table_4) == 5 and all(len(line) == 6 for line in table_4)
    assert all(c not in ("–", "") for line in table_4 for c in line)
    table_5 = ours(cells(text, "Table 5"), 4)
    assert len(table_5) == 4 and all(len(line) == 5 and "–" not in line and "" not in line for line in table_5)
    fig_4 = cells(text, "Figure 4")
    assert [line[0] for line in fig_4[1:]] == "0 1 5 10 25 50 100".split()
    assert [(line[0], i) for line in fig_4 for i, c in enumerate(line) if c == "–"] == [("0", 2)]
    by_action, by_activity = cells(text, "Human3.6M by action"), cells(text, "MPI-INF-3DHP by activity")
    assert [line[0] for line in by_action[1:]] == ["Directions", "WalkDog", "*mean of actions*", "*all frames*"]
    assert len(by_activity) == 7 and all("–" not in line for line in by_action + by_activity)

    metrics = json.loads(Path(f"runs/{base}/weakly-s0/metrics.json").read_text(encoding="utf-8"))
    measured = metrics["measured"]
    assert set(measured) == {"human36m", "mpi_inf_3dhp", "mpi_inf_3dhp_universal", "lsp"}
    assert measured["mpi_inf_3dhp"]["frames"] == 20 and measured["lsp"]["frames"] == 3
    assert measured["mpi_inf_3dhp"]["mpjpe"] != measured["mpi_inf_3dhp_universal"]["mpjpe"]
    assert row(text, "**PGP (weakly-sup), transfer**")[7].startswith(f"{measured['mpi_inf_3dhp']['mpjpe']:.1f}")
    assert flat_metrics(metrics)["measured/human36m/by_action/WalkDog/pa_mpjpe"] > 0
    before = {p: p.stat().st_mtime_ns for p in Path(f"runs/{base}").glob("*/metrics.json")}
    execute(script[-1], data)
    assert before == {p: p.stat().st_mtime_ns for p in before}, "what is finished and measured stays as it is"


def test_adaptation_starts_from_the_weakly_supervised_run(capsys):
    said, script = dry_run(capsys, "h36m-paper", "3dhp-weakly", "3dhp-unsup", "3dhp-semi")
    assert [shlex.split(line)[5] for line in script if "pgp_nb.training" in line] == [
        *("unsup", "weakly", "3dhp-weakly", "3dhp-unsup", "3dhp-semi")
    ]
    needs = [line for line in said.splitlines() if line.startswith("#   needs")]
    assert all("runs/h36m-paper/weakly-s0, prepared/3dhp-train-32" in line for line in needs[2:])
