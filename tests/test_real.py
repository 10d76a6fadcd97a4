"""The real test: what it says of whoever knows everything, and that every document shows what is kept of it."""

import importlib, json, re

import numpy as np
import pytest
import torch

from helpers import ROOT, SAMPLES, needs_samples, papermill
from pgp_nb.conventions import BACKGROUND, JOINT_ORDERS, MIRROR, PART_NAMES
from pgp_nb.datasets import real_test
from pgp_nb.datasets.lsp import _label_agreement, write_lsp
from pgp_nb.datasets.real_test import real_table
from pgp_nb.engine.results import read_results
from pgp_nb.evaluation import limb_pck_2d
from pgp_nb.networks import PGPNet, save_net
from pgp_nb.prediction import PGP, model_card

SIZE = 128
SHIPPED = json.loads((ROOT / "pgp_nb/data/weights/index.json").read_text(encoding="utf-8"))


def truth(held, parts=True, turned=False):
    "The prediction of somebody who knows everything."
    known = {k: held.truth[k].nan_to_num() for k in ("joints_3d", "joints_2d")}
    return known | {"parts": held.truth["parts"]}


def exchanged(held, parts=True, turned=False):
    "The truth with left for right."
    return {k: v[:, list(MIRROR)] if "joints" in k else v for k, v in truth(held).items()}


@needs_samples("lsp_extended_sample")
def test_the_truth_about_photographs_scores_one_and_an_oracle_finds_sides():
    rows = real_test._photograph_rows(SAMPLES / "lsp_extended_sample", SIZE, truth, exchanged)
    assert all(row["limb_pck_2d"] == 1 for row in rows.values()) and rows["all"]["limb_pck_2d_mean_pose"] < 0.5
    number = {name: row["pictures"] for name, row in rows.items()}
    tilts = [number[name] for name in number if name.startswith("tilt") and "searched" not in name]
    assert (number["all"], number["trunk annotated"], sum(tilts)) == (137, 106, 106)
    swapped = real_test._photograph_rows(SAMPLES / "lsp_extended_sample", SIZE, exchanged, exchanged)
    assert swapped["all, left and right chosen"]["limb_pck_2d"] == 1 and swapped["all"]["limb_pck_2d"] < 0.5


@needs_samples("lsp_extended_sample")
def test_photographs_are_scored_as_everywhere_else_and_turned_upright():
    folder = SAMPLES / "lsp_extended_sample"
    plain, turned = (real_test._photographs(folder, SIZE, upright) for upright in (False, True))
    q, g = plain.held.truth["joints_2d"], torch.Generator().manual_seed(0)
    guess = q.nan_to_num() + 12 * torch.randn(q.shape, generator=g)
    ours = real_test._pck(*real_test._found(guess, q))
    assert ours["limb_pck_2d"] == pytest.approx(limb_pck_2d(guess, q)[0], abs=1e-6)
    low, high = ours["limb_pck_2d_ci"]
    assert low < ours["limb_pck_2d"] < high
    tilt = real_test._tilt(turned.held.truth["joints_2d"])
    assert (tilt[plain.tilt.isfinite()].abs() < 0.1).all()
    exact = torch.tensor(JOINT_ORDERS["lsp"].exact)
    assert not q[:, ~exact].isfinite().any()


@needs_samples("h36m_samples", "mpi_inf_3dhp_samples")
def test_the_truth_about_frames_has_no_error():
    for frames in (
        real_test._human36m_frames(SAMPLES / "h36m_samples", SIZE),
        real_test._mpi_inf_3dhp_frames(SAMPLES / "mpi_inf_3dhp_samples", SIZE),
    ):
        rows = real_test._frame_rows(frames, truth, exchanged)
        assert rows["poses"]["pa_mpjpe"] < 0.1 and rows["poses"]["points_error"] == 0
        assert rows["poses"]["pa_mpjpe_mean_pose"] > 20 and rows["poses"]["pictures"] == 4
        if "parts" in rows:
            assert rows["parts"]["f1_fg"] == rows["parts"]["f1_parts_coarse"] == 1


@needs_samples("h36m_samples")
def test_body_labels_lie_on_the_limbs_they_name():
    "At the middle of a limb is its label, or that of what hides it; never that of the other side."
    frames = real_test._human36m_frames(SAMPLES / "h36m_samples", 224)
    shares = np.array([_label_agreement(f.parts, f.joints_2d) for f in frames])
    assert (shares[:, 0] > 0.6).all() and (shares[:, 1] == 0).all()
    parts = np.stack([f.parts for f in frames])
    assert set(np.unique(parts)) == {*range(len(PART_NAMES)), BACKGROUND}


def test_what_is_not_there_is_left_out_and_said(tmp_path, capsys):
    assert real_test.real_test(PGPNet(), tmp_path, poses=50) == {}
    said = capsys.readouterr().out
    for data in ("LSP-extended", "Human3.6M", "MPI-INF-3DHP", "films"):
        assert f"{data} is left out" in said


@needs_samples("h36m_samples")
def test_shipped_weights_are_measured_as_kept(tmp_path):
    "The four frames alone, which take seconds: their numbers are those in the table of results."
    (tmp_path / "h36m_samples").symlink_to(SAMPLES / "h36m_samples")
    found = real_test.real_test(PGP.from_pretrained("unsup", "cpu").net, tmp_path)["Human3.6M"]
    kept = read_results(ROOT / "experiments/results.csv")[SHIPPED["unsup"]["run"]].metrics["real"]["Human3.6M"]
    assert found["poses"]["pa_mpjpe"] == pytest.approx(kept["poses"]["pa_mpjpe"], rel=0.02)
    assert found["parts"]["f1_parts_coarse"] == pytest.approx(kept["parts"]["f1_parts_coarse"], abs=0.01)


def test_the_evaluation_of_a_run_holds_the_real_test(tmp_path):
    "On a network without training and two grey photographs: `evaluate.ipynb` leaves it where the report looks."
    pytest.importorskip("papermill", reason="papermill is not installed: no notebook is run")
    pytest.importorskip("scipy", reason="scipy is not installed: no joints.mat is written")
    run, grey = tmp_path / "run", np.full((90, 70, 3), 128, np.uint8)
    save_net(PGPNet(), run / "weights.safetensors")
    (run / "metrics.json").write_text('{"pa_mpjpe": 100.0}', encoding="utf-8")
    joints = np.random.default_rng(0).uniform(10, 60, (2, 14, 2))
    write_lsp(tmp_path / "samples/lsp_extended_sample", [grey, grey], joints, extended=True)
    given = {"weights": run, "samples": tmp_path / "samples", "pairs": 2, "poses": 50, "people_to_paint": 0}
    done = papermill("evaluate", tmp_path / "out.ipynb", *(x for k, v in given.items() for x in ("-p", k, v)))
    assert done.returncode == 0, done.stderr[-3000:]
    for name in ("evaluation.json", "metrics.json"):
        rows = json.loads((run / name).read_text(encoding="utf-8"))["real"]["LSP-extended"]
        assert rows["all"]["pictures"] == 2 and 0 <= rows["all"]["limb_pck_2d"] <= 1


def test_a_table_has_a_line_for_each_number_and_a_column_for_each_network():
    real = {"films": {"mine": {"agree": 0.5, "leak": 0.25, "tracks": 1, "pictures": 7}}}
    frames = {"Human3.6M": {"poses": {"points_error": 3.14, "points_error_mean_pose": 9.9, "pictures": 4}}}
    text = real_table({"a": {"pa_mpjpe": 70.0, "mean_pose": {"pa_mpjpe": 130.0}, "real": real | frames}, "b": {}})
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines()]
    assert cells[0] == ["data", "measured", "pictures", "a", "b", "mean pose"]
    assert cells[2] == ["rendered people, held out", "PA-MPJPE, mm ↓", "", "70.0", "–", "130.0"]
    assert ["films: mine", "silhouettes that leak ↓", "7", "0.250", "–", "–"] in cells
    assert ["Human3.6M: poses", "image points, px of the crop ↓", "4", "3.1", "–", "9.9"] in cells


def kept_table(*names):
    "What is kept of the real test of shipped weights."
    kept = read_results(ROOT / "experiments/results.csv")
    return real_table({n: kept[SHIPPED[n]["run"]].metrics for n in names if SHIPPED[n]["run"] in kept})


@pytest.mark.parametrize("name", SHIPPED)
def test_cards_show_what_is_kept(name):
    table = kept_table(name)
    if "LSP-extended" in table:
        assert table in model_card(name)


def test_the_readme_shows_what_is_kept_in_short():
    squeezed = lambda text: [re.sub(r"[ -]+", " ", line) for line in text.splitlines()]
    readme = squeezed((ROOT / "README.md").read_text(encoding="utf-8"))
    lines = [line for line in squeezed(kept_table(*SHIPPED)) if re.search("rendered|tilt|films|poses", line)]
    assert len(lines) >= 4 and set(lines) <= set(readme)


def test_a_card_gets_its_section_anew_or_not_at_all(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    ship = importlib.import_module("ship")
    card = "# a\n\n## Metrics\n\nb\n\n## Limits\n\nc\n"
    section = ship.real_section("a", {"real": {"films": {"mine": {"leak": 0.5, "pictures": 3}}}})
    once = ship.with_real(card, section)
    assert once.index("b") < once.index("## Real pictures") < once.index("0.500") < once.index("## Limits")
    assert ship.with_real(once, section) == once and ship.with_real(once, []) == card
    assert ship.real_section("a", {}) == []
