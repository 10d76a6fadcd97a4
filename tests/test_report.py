"""The report notebook, and what is kept of runs.

Of fabricated ones: every number below is made up, and none of it is a result.
"""

import importlib, json, math, re, shutil
from pathlib import Path

import pytest

from helpers import ROOT, papermill
from pgp_nb.engine.results import read_results

nbformat = pytest.importorskip("nbformat", reason="the notebook tools are not installed: the report is not built")
pytest.importorskip("papermill", reason="papermill is not installed: the report is not built")

NOTEBOOK = ROOT / "experiments/report.ipynb"


def fabricate(folder, name, seed=0, **metrics):
    "A run folder with made-up metrics."
    run = Path(folder) / f"{name}-s{seed}"
    run.mkdir(parents=True)
    (run / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")


def made_up(pa, **more):
    return {
        "pa_mpjpe": pa,
        "pa_mpjpe_ci": [pa - 2, pa + 3],
        "pa_mpjpe_oracle_facing": pa - 5,
        "mpjpe": 2 * pa,
        "n_mpjpe": 1.9 * pa,
        "pck_3d": 0.5,
        "auc_3d": 0.25,
        "facing_error": 0.125,
        "pck_2d": 0.75,
        "iterations": 100,
        "seconds": 12.5,
    } | more


TRAINED = """
stages: {iterations: 10, terms: {image_u: 1.0, supervised: {share: 0.1}}}
network: {size: 96}
data: {pairs: [64, 8, 8]}
"""


def tool(name, monkeypatch):
    "A script of tools/ as a module."
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module(name)


def built(tmp_path, runs, **parameters):
    "The report of runs, made in this process: the notebook's cells one after the other."
    import matplotlib

    matplotlib.use("agg")
    space = {"__name__": "report"}
    for cell in nbformat.read(NOTEBOOK, 4).cells:
        if cell.cell_type != "code":
            continue
        exec(compile(cell.source, "report", "exec"), space)
        if "parameters" in cell.metadata.get("tags", []):
            space |= {"runs": runs, "out": str(tmp_path / "report"), **parameters}
    return (tmp_path / "report/report.md").read_text(encoding="utf-8")


def row(text, start):
    "The cells of the first table row that begins with a text."
    line = next(line for line in text.splitlines() if line.startswith("| " + start))
    return [c.strip() for c in line.strip("|").split("|")]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    "Runs of every kind; `unsup` from three seeds."
    folder = tmp_path_factory.mktemp("runs")
    for seed, pa in enumerate((60.0, 62.0, 64.0)):
        fabricate(
            folder,
            "unsup",
            seed,
            **made_up(
                pa,
                f1_fg_bg=0.9,
                f1_parts_coarse_bg=0.6,
                f1_fg_bg_puppet=0.8,
                f1_parts_coarse_bg_puppet=0.5,
                f1_parts=0.4,
                mean_pose=made_up(120.0),
                nearest_pose=made_up(50.0),
                synthesis={"pose transfer": {"decoder": {"l1": 0.25, "l1_ci": [0.125, 0.375], "ssim": 0.5}}},
                photographs={
                    "lsp": {"limb_pck_2d": 0.5, "limb_pck_2d_mean_pose": 0.125, "photographs": 10},
                    "without joints": {"f1_fg": 0.5},
                },
                flip_test=made_up(58.0),
                real={"LSP-extended": {"tilt below 20°": {"limb_pck_2d": 0.25 + seed / 8, "pictures": 40 + seed}}},
            ),
        )
    for name, pa in {
        "multi-view": 55.0,
        "weakly": 45.0,
        "semi": 40.0,
        "only-3d": 50.0,
        "without-tfk": 93.0,
        "without-qz": 124.0,
        "without-msal": 155.0,
        "fig4-semi-1": 58.0,
        "fig4-only-3d-1": 100.0,
        "fig4-only-3d-10": 80.0,
        "mine": 77.0,
    }.items():
        fabricate(folder, name, **made_up(pa))
    return folder


@pytest.fixture(scope="module")
def whole(many, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    done = papermill("report", out / "report.ipynb", "-p", "runs", many, "-p", "out", out / "report")
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def test_papermill_writes_report_and_figures(whole):
    report = whole / "report"
    written = "report.md report.html supervision.png ablations.png fig4.png"
    assert {p.name for p in report.iterdir()} == set(written.split())
    for picture in report.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    page = (report / "report.html").read_text(encoding="utf-8")
    assert page.count("<table>") >= 6 and page.count("<img") == 3 and "<title>Results</title>" in page
    assert set(re.findall(r'src="([^"]+)"', page)) == {"supervision.png", "ablations.png", "fig4.png"}
    assert "14 runs of 12 kinds" in json.dumps(nbformat.read(whole / "report.ipynb", 4))


def test_table_2_holds_ours_beside_theirs(whole):
    text = (whole / "report/report.md").read_text(encoding="utf-8")
    ours = ["99.2", "62.0 ± 2.0 [60.0, 65.0]", "57.0 ± 2.0", "0.125 ± 0.000", "3"]
    assert row(text, "**PGP (unsup)**")[2:] == ours
    assert row(text, "**PGP (weakly-sup)**")[2:4] == ["62.4", "45.0 [43.0, 48.0]"]
    assert row(text, "Martinez")[2:] == ["52.1", "", "", "", ""]
    assert row(text, "*mean pose of <i>D</i><sub>z</sub>*")[3] == "120.0 ± 0.0 [118.0, 123.0]" and row(
        text, "*nearest pose of <i>D</i><sub>z</sub>*"
    )[3].startswith("50.0")
    assert (
        row(text, "*Encoder(Only-3D-sup)*")[3] == "50.0 [48.0, 53.0]"
        and row(text, "*mean pose of <i>D</i><sub>z</sub>*")[-1]
        == row(text, "*nearest pose of <i>D</i><sub>z</sub>*")[-1]
        == "3"
    )


def test_ablations_are_multiples_of_the_full_model(whole):
    text = (whole / "report/report.md").read_text(encoding="utf-8")
    assert row(text, "without <i>T</i><sub>fk</sub>∘<i>T</i><sub>c</sub>")[1:7] == [
        "126.8",
        "1.28",
        "51.7",
        "93.0 [91.0, 96.0]",
        "1.50",
        "0.500",
    ]
    assert (
        row(text, "without <i>q</i><sub>z</sub>")[2] == "1.80"
        and row(text, "without <i>q</i><sub>z</sub>")[5] == "2.00"
        and row(text, "without <i>m</i><sub>sal</sub>")[2::3][:2] == ["1.91", "2.50"]
    )


def test_the_curve_and_the_segmentation(whole):
    text = (whole / "report/report.md").read_text(encoding="utf-8")
    assert (
        row(text, "10 ")[1:] == ["40.0 [38.0, 43.0]", "80.0 [78.0, 83.0]"]
        and row(text, "100 ")[1:] == ["–", "50.0 [48.0, 53.0]"]
        and row(text, "0 ")[1].startswith("62.0")
    )
    table_5 = text[text.index("## Table 5") :]
    measured = [f"{f1} ± 0.000" for f1 in ("0.900", "0.600", "0.800", "0.500")]
    assert row(table_5, "**PGP (unsup)**")[2:] == ["0.78", "0.47", *measured]
    assert row(table_5, "**PGP (weakly-sup)**")[4:] == ["–"] * 4 and row(text, "mine")[4].startswith("77.0")


def test_synthesis_is_shown_where_it_was_measured(whole):
    text = (whole / "report/report.md").read_text(encoding="utf-8")
    assert row(text, "pose transfer") == ["pose transfer", "decoder", "0.250 ± 0.000 [0.125, 0.375]", "0.500 ± 0.000"]


def test_photographs_are_shown_where_they_were_measured(whole):
    text = (whole / "report/report.md").read_text(encoding="utf-8")
    section = text[text.index("## Photographs") :]
    assert row(section, "unsup") == ["unsup", "lsp", "0.500", "–", "0.125", "10"] and "without joints" not in section


def test_real_pictures_stand_beside_rendered_ones(whole):
    text = (whole / "report/report.md").read_text(encoding="utf-8")
    section = text[text.index("## Real pictures") :]
    assert row(section, "data")[3:] == ["unsup-s0", "unsup-s1", "unsup-s2", "mean pose"]
    assert row(section, "not told, held out")[3].startswith("60.0 [58.0, 63.0]")
    measured = ["PCK, limb joints ↑", "40", "0.250", "0.375", "0.500", "–"]
    assert row(section, "LSP-extended: tilt below 20°")[1:] == measured


def test_the_report_says_what_a_run_was_measured_on(tmp_path):
    "From its own configuration, in a folder or in the table: never that all data is of rendered people."
    for name, data in (("unsup", "{}"), ("mine", "{test_data: prepared/h36m}"), ("semi", None)):
        fabricate(tmp_path / "runs", name, **made_up(60.0))
        if data:
            config = f"stages: {{iterations: 10}}\ndata: {data}\n"
            (tmp_path / f"runs/{name}-s0/config.yaml").write_text(config, encoding="utf-8")
    text = built(tmp_path, [str(tmp_path / "runs")])
    assert "1 on held-out rendered people" in text and "1 on the prepared data `h36m`" in text
    assert "1 on data that they do not tell" in text
    every = text[text.index("## All runs") :]
    assert [row(every, name)[1] for name in ("unsup", "mine", "semi")] == ["rendered people", "`h36m`", "not told"]
    assert "true poses of validation people (rendered)" in text


def test_longer_runs_are_shown_with_flip_test_and_synthesis(tmp_path):
    painted = {"pose transfer": {"decoder": {"l1": 0.25, "ssim": 0.5}}}
    fabricate(tmp_path / "runs", "unsup-decoder-more", **made_up(60.0, synthesis=painted, flip_test=made_up(58.0)))
    text = built(tmp_path, [str(tmp_path / "runs")])
    assert row(text, "*with flip test*")[3].startswith("58.0") and text.count("*with flip test*") == 1
    assert "Run `unsup-decoder-more`" in text and row(text, "pose transfer")[2:] == ["0.250", "0.500"]


def test_a_decoder_that_was_never_trained_has_no_parts(tmp_path):
    fabricate(tmp_path / "runs", "painted", **made_up(60.0, f1_parts=0.02, f1_parts_puppet=0.4))
    (tmp_path / "runs/painted-s0/config.yaml").write_text(
        "{stages: {iterations: 10, bootstrap: 10, terms: {paint: 1.0, image_u: 1.0}}}", encoding="utf-8"
    )
    text = built(tmp_path, [str(tmp_path / "runs")])
    section = text[text.index("## Segmentation without background") :]
    assert row(section, "painted")[1:4] == ["–"] * 3 and "0.400" in row(section, "painted")


def test_a_run_of_another_version_is_named_and_left_out(tmp_path):
    fabricate(tmp_path / "runs", "unsup", **made_up(60.0))
    fabricate(tmp_path / "runs", "older", **made_up(50.0))
    (tmp_path / "runs/older-s0/config.yaml").write_text("{iterations: 10, weights: {paint: 1.0}}", encoding="utf-8")
    text = built(tmp_path, [str(tmp_path / "runs")])
    assert "older-s0" in text and "another version of this library" in text


def test_what_is_missing_is_a_dash_and_said(tmp_path):
    fabricate(tmp_path / "runs", "unsup", pa_mpjpe=70.0, facing_error=None)
    fabricate(tmp_path / "runs", "weakly", pa_mpjpe=None)
    fabricate(tmp_path / "runs", "semi", pa_mpjpe="seventy")
    (tmp_path / "runs/only-3d-s0").mkdir()
    (tmp_path / "runs/only-3d-s0/metrics.json").write_text('{"pa_mpjpe": 5', encoding="utf-8")
    (tmp_path / "runs/notes").mkdir()
    text = built(tmp_path, [str(tmp_path / "runs")])
    assert row(text, "**PGP (unsup)**")[3:] == ["70.0", "–", "–", "1"]
    ours = [f"**PGP ({level}-sup)**" for level in ("weakly", "semi", "multi-view")]
    for method in (*ours, "*Encoder(Only-3D-sup)*", "*mean pose of <i>D</i><sub>z</sub>*"):
        assert row(text, method)[3:] == ["–"] * 4
    assert (
        row(text, "without <i>T</i><sub>fk</sub>∘<i>T</i><sub>c</sub>")[4:] == ["–"] * 4 and "No run of its own" in text
    )
    said = text[text.index("## What is missing") :]
    assert "`only-3d-s0/metrics.json` cannot be read" in said and "`semi-s0/metrics.json` pa_mpjpe is 'seventy'" in said
    assert (
        "Novel synthesis is not measured" in said
        and "## Novel synthesis" not in text
        and "Real pictures are not measured" in said
        and "## Real pictures" not in text
        and "Photographs are not measured" in said
        and "## Photographs" not in text
    )
    assert (
        "Not run: multi-view, semi, only-3d, without-tfk" in said
        and "Fewer than three seeds: unsup (1), weakly (1)" in said
    )


def test_kept_rows_and_folders_give_the_same_report(many, tmp_path, monkeypatch):
    collect = tool("collect", monkeypatch)
    runs, table = tmp_path / "runs", tmp_path / "results.csv"
    shutil.copytree(many, runs)
    for run in runs.iterdir():
        (run / "config.yaml").write_text(TRAINED, encoding="utf-8")
    collect.collect(sorted(runs.iterdir()), kept=tmp_path)
    assert built(tmp_path / "a", str(table)) == built(tmp_path / "b", str(runs))
    with pytest.raises(ValueError, match="occurs in two of the folders"):
        built(tmp_path, [str(runs), str(table)])


def test_runs_of_several_folders(tmp_path):
    fabricate(tmp_path / "a", "unsup", 0, **made_up(60.0))
    fabricate(tmp_path / "b", "unsup", 1, **made_up(70.0))
    text = built(tmp_path, [str(tmp_path / "a"), str(tmp_path / "b")])
    assert row(text, "**PGP (unsup)**")[3] == f"65.0 ± {math.sqrt(50):.1f} [63.0, 68.0]"
    fabricate(tmp_path / "b", "unsup", 0, **made_up(70.0))
    with pytest.raises(ValueError, match="unsup-s0 occurs in two of the folders"):
        built(tmp_path, [str(tmp_path / "a"), str(tmp_path / "b")])


@pytest.mark.parametrize(
    "parameters, error, words",
    [
        (dict(runs=["no/such/folder"]), FileNotFoundError, "no folder no"),
        (dict(runs=[]), TypeError, "runs: expected"),
        (dict(runs=3), TypeError, "runs: expected"),
        (dict(out=""), TypeError, "out: expected"),
        (dict(rums=["runs"]), TypeError, "did you mean runs"),
        (dict(seed=1), TypeError, "known are runs, out"),
    ],
)
def test_mistakes_are_named(tmp_path, parameters, error, words):
    fabricate(tmp_path / "runs", "unsup", **made_up(60.0))
    with pytest.raises(error, match=words):
        built(tmp_path, parameters.pop("runs", str(tmp_path / "runs")), **parameters)
    assert not (tmp_path / "report").exists()


def test_a_folder_without_runs_is_named(tmp_path):
    (tmp_path / "runs/demo").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="no run in"):
        built(tmp_path, str(tmp_path / "runs"))


@pytest.fixture
def finished(tmp_path):
    "A finished run with every kind of number: intervals, nested ones, a whole one, one that was not measured."
    photographs = {"lsp": {"limb_pck_2d": 0.5, "photographs": 10}}
    fabricate(tmp_path / "runs", "mine", **made_up(60.5, flip_test=made_up(58.0), photographs=photographs))
    (tmp_path / "runs/mine-s0/config.yaml").write_text(TRAINED, encoding="utf-8")
    return tmp_path / "runs/mine-s0"


def test_a_run_knows_what_the_runs_before_it_knew(finished, tmp_path, monkeypatch):
    after = tmp_path / "runs/yours-s0"
    after.mkdir()
    (after / "config.yaml").write_text(
        "seed: 0\nstart_from: runs/mine-s{seed}\nterms: {image_u: 1.0}\n", encoding="utf-8"
    )
    collect = tool("collect", monkeypatch)
    assert [collect.supervision(c) for c in collect.lineage(after)] == ["none", "semi"]
    assert collect.annotated(after) == collect.lineage(finished)[0]


def test_a_row_is_the_same_wherever_the_runs_lie(finished, tmp_path, monkeypatch):
    collect = tool("collect", monkeypatch)
    rows = []
    for name, runs in (("near", "runs"), ("far", tmp_path / "far")):
        after = tmp_path / name / "after-s0"
        after.parent.mkdir()
        shutil.copytree(finished, after)
        text = TRAINED.replace("iterations: 10", f"iterations: 10, start_from: {runs}/before-s0")
        (after / "config.yaml").write_text(text, encoding="utf-8")
        rows.append(collect.read_run(after))
    assert rows[0] == rows[1] and rows[0].config["start_from"] == "runs/before-s0"


def test_no_kept_row_knows_a_machine():
    rows = read_results(ROOT / "experiments/results.csv")
    assert not [run for run, row in rows.items() if row.config.get("start_from", "").startswith("/")]


def test_a_kept_row_holds_every_number(finished, tmp_path, monkeypatch):
    collect = tool("collect", monkeypatch)
    collect.collect([finished], kept=tmp_path)
    kept = collect.read_results(tmp_path / "results.csv")["mine-s0"]
    assert kept.metrics == json.loads((finished / "metrics.json").read_text(encoding="utf-8"))
    assert isinstance(kept.metrics["iterations"], int)
    settings = {"supervision": "semi", "share": 0.1, "size": 96, "pairs": 64, "iterations": 10}
    assert kept.config == settings | {"test_data": "people"}
    assert kept.decoder
    assert kept.commit == collect.commit() and re.fullmatch("[0-9a-f]{12}", kept.config_hash)
    header = (tmp_path / "results.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert {"run", "pa_mpjpe", "pa_mpjpe_low", "pa_mpjpe_high", "flip_test/pa_mpjpe"} <= set(header)
    assert "photographs/lsp/limb_pck_2d" in header


def test_a_run_that_is_kept_again_replaces_its_row(finished, tmp_path, monkeypatch):
    collect = tool("collect", monkeypatch)
    fabricate(tmp_path / "runs", "yours", **made_up(70.0))
    (tmp_path / "runs/yours-s0/config.yaml").write_text(TRAINED, encoding="utf-8")
    collect.collect([finished, tmp_path / "runs/yours-s0"], kept=tmp_path)
    before = collect.read_results(tmp_path / "results.csv")
    (finished / "metrics.json").write_text(json.dumps(made_up(50.0)), encoding="utf-8")
    collect.collect([finished], kept=tmp_path)
    after = collect.read_results(tmp_path / "results.csv")
    assert list(after) == ["mine-s0", "yours-s0"]
    assert after["yours-s0"] == before["yours-s0"] and after["mine-s0"].metrics == made_up(50.0)


def test_nothing_is_kept_of_unfinished_runs(finished, tmp_path, monkeypatch):
    collect = tool("collect", monkeypatch)
    collect.collect([finished], kept=tmp_path)
    before = (tmp_path / "results.csv").read_bytes()
    (finished / "metrics.json").write_text(json.dumps(made_up(50.0)), encoding="utf-8")
    going = tmp_path / "runs/going-s0"
    going.mkdir()

    def refused(words, *runs, **options):
        with pytest.raises(SystemExit, match=words):
            collect.collect(list(runs), kept=tmp_path, **options)

    refused("going-s0 has no config.yaml; is the run finished", finished, going)
    (going / "config.yaml").write_text(TRAINED, encoding="utf-8")
    refused("going-s0 has no metrics.json; is the run finished", finished, going)
    refused("never validated", finished, curve=True)
    (finished / "metrics.json").write_text(json.dumps({"pa_mpjpe": "seventy"}), encoding="utf-8")
    refused("'pa_mpjpe' is 'seventy'", finished)
    assert (tmp_path / "results.csv").read_bytes() == before and not (tmp_path / "curves.csv").exists()


def test_the_curve_of_a_run_is_kept_where_it_was_validated(finished, tmp_path, monkeypatch):
    collect = tool("collect", monkeypatch)
    validated = {f"val/{name}": 0.25 for name in collect.CURVE}
    lines = ({"iteration": 5, "paint": 1.0}, {"iteration": 10, **validated})
    (finished / "curve.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    collect.collect([finished], curve=True, kept=tmp_path)
    point = {"iteration": [10]} | {name: [0.25] for name in collect.CURVE}
    assert collect.read_series(tmp_path / "curves.csv") == {"mine-s0": point}


def test_a_configuration_is_looked_up_and_hashed_whatever_its_groups(monkeypatch):
    collect = tool("collect", monkeypatch)
    flat = {"seed": 1, "network": {"size": 96}}
    grouped = {"runtime": {"seed": 1}, "network": {"backbone": {"size": 3}, "size": 96}}
    for config in (flat, grouped):
        assert [collect.setting(config, name) for name in ("seed", "size")] == [1, 96]
    assert collect.setting(flat, "share") is None and collect.setting(flat, "network") is None
    assert collect.config_hash(flat) == collect.config_hash(dict(reversed(flat.items())))
    assert collect.config_hash(flat) != collect.config_hash(flat | {"seed": 2})


def documents():
    "Texts that name runs: chapters, experiments, what stands at the top, and the cards of weights."
    for pattern in ("*.md", "nbs/**/*.ipynb", "experiments/*.ipynb", "experiments/*.md", "pgp_nb/data/weights/*.md"):
        for path in sorted(ROOT.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".ipynb":
                text = markdown(nbformat.reads(text, 4).cells)
            yield path, text


def markdown(cells):
    return "\n".join(c.source for c in cells if c.cell_type == "markdown")


def prose(cells):
    return re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", "", markdown(cells), flags=re.S)


def test_every_run_that_a_document_names_has_a_row():
    kept = read_results(ROOT / "experiments/results.csv")
    kinds = "|".join(sorted({run.split("-")[0] for run in kept}))
    a_run = re.compile(rf"(?<!runs/)\b((?:{kinds})[a-z0-9-]*-s\d)\b")
    named = {(run, path.name) for path, text in documents() for run in a_run.findall(text)}
    assert not [f"{name} names {run}" for run, name in named if run not in kept]
    assert len({run for run, _ in named}) > 10


PAGES = [f"explanations/{page}" for page in ("recipe", "results", "why", "gallery")]
PAGES += [f"tutorials/{page}" for page in ("first_run", "own_videos", "own_puppet", "own_data", "geometry")]


@pytest.mark.parametrize("page", PAGES)
def test_every_number_in_the_prose_is_printed_by_a_cell(page):
    cells = nbformat.read(ROOT / f"nbs/{page}.ipynb", 4).cells
    outputs = [o for c in cells for o in c.get("outputs", [])]
    texts = [o.get("text", "") or o.get("data", {}).get("text/markdown", "") for o in outputs]
    printed = {n for text in texts for n in re.findall(r"\d+\.\d+", text)}
    numbers = re.findall(r"(?<![\w.])\d+\.\d+(?!\.?\d)", prose(cells))
    assert printed and [n for n in numbers if n not in printed] == []


def test_no_chapter_tells_a_time_that_was_measured_by_hand():
    "How long something takes is printed by a cell, or stands in experiments/NOTES.md with its machine."
    chapters = sorted((ROOT / "nbs").glob("**/*.ipynb"))
    a_time = re.compile(r"(?<![\w.])\d[\d.,]*\s(?:ms|s|seconds?|min|minutes?|hours?)\b")
    assert not [
        f"{path.name}: {time}" for path in chapters for time in a_time.findall(prose(nbformat.read(path, 4).cells))
    ]
    assert a_time.findall("It takes 1.9 s, and 20 minutes for the rest of 50 samples.") == ["1.9 s", "20 minutes"]
