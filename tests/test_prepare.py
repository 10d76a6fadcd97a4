"The command line and the notebook that prepare data sets."

import io, json
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.io import savemat

from helpers import papermill, python
from pgp_nb.datasets import prepare as P
from pgp_nb.datasets import samples as S
from pgp_nb.conventions import JOINT_ORDERS, joint_index
from pgp_nb.datasets.lsp import _read_joints, write_lsp
from pgp_nb.people.people import _film_pair


def matlab(compressed):
    "A small joints.mat."
    file = io.BytesIO()
    savemat(file, {"joints": np.random.default_rng(0).uniform(0, 99, (3, 14, 5))}, do_compression=compressed)
    return file.getvalue()


MATLAB = [matlab(False), matlab(True)]


@pytest.fixture(scope="module")
def lsp(tmp_path_factory):
    "Six photographs in the layout of LSP, the fourth one cut."
    folder = tmp_path_factory.mktemp("data") / "lsp_dataset"
    pairs = [_film_pair("val", i, 64, 0) for i in range(6)]
    order = joint_index(*(dict(neck="thorax").get(name, name) for name in JOINT_ORDERS["lsp"].joints))
    write_lsp(folder, [p["images"][0] for p in pairs], np.stack([p["joints_2d"][0, order] for p in pairs]))
    cut = folder / "images/im0004.jpg"
    cut.write_bytes(cut.read_bytes()[:50])
    return folder


def command(*args):
    return python("-m", "pgp_nb.datasets.prepare", *args, timeout=200)


def test_command_line_from_files_to_samples_with_two_processes(lsp, tmp_path, capsys):
    done = command("lsp", "--root", lsp, "--out", tmp_path / "out", "--size", 48, "--no-saliency", "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert "5 kept, 1 skipped" in done.stdout and "im0004" in done.stdout and "6/6" in done.stderr
    samples = S.read_samples(tmp_path / "out")
    assert samples.name.tolist() == [f"lsp_dataset/im000{i}" for i in (1, 2, 3, 5, 6)] and samples.size == 48
    assert samples.known_2d.sum(-1).tolist() == [[14, 14]] * 5
    again = f"lsp --root {lsp} --out {tmp_path / 'out'} --size 48 --no-saliency --quiet"
    assert P.prepare_command(again.split()) == 0
    said = capsys.readouterr()
    assert said.out == done.stdout and not said.err


@pytest.mark.parametrize(
    "args,message",
    [
        (["lsp", "--root", "{tmp}", "--out", "{tmp}/x"], "no joints.mat"),
        (["h36m"], "did you mean human36m?"),
        (["lsp", "--root", "{lsp}", "--out", "{lsp}/joints.mat", "--no-saliency", "--quiet"], "joints.mat"),
    ],
)
def test_mistakes_are_said_in_one_line(lsp, tmp_path, capsys, args, message):
    assert P.prepare_command([a.format(tmp=tmp_path, lsp=lsp) for a in args]) == 2
    said = capsys.readouterr().err
    assert message in said and len(said.strip().splitlines()) == 1


@pytest.mark.parametrize("dataset", P.SOURCES)
def test_every_data_set_has_a_loader_whose_options_are_explained(dataset):
    parser = P._command_line(dataset)
    help = parser.format_help()
    example = P._find_source(dataset).example.split()
    assert parser.parse_args(example).out and " ".join(example[:2]) in help
    kind = P._find_loader(dataset)
    for f in fields(kind):
        assert ("--root" if f.name == P._place_of(kind) else f"--{f.name.replace('_', '-')}") in help
    unexplained = [a.dest for a in parser._actions if not a.help or a.help.startswith(" (default")]
    assert not unexplained


def in_notebook(tmp_path, *args):
    "How the notebook ended, and the notebook with its outputs, or None."
    path = tmp_path / "prepare.ipynb"
    done = papermill("prepare", path, *args, timeout=200)
    return done, json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def test_notebook_prepares_what_the_command_line_does(lsp, tmp_path):
    where = ("-p", "root", lsp, "-p", "out", tmp_path / "out")
    options = ("-p", "size", "48", "-y", "{saliency: false, split: test}")
    done, notebook = in_notebook(tmp_path, "-p", "dataset", "lsp", *where, *options)
    assert done.returncode == 0, done.stderr[-2000:]
    assert S.read_samples(tmp_path / "out").name.tolist() == ["lsp_dataset/im0005", "lsp_dataset/im0006"]
    text = "".join("".join(o.get("text", "")) for c in notebook["cells"] for o in c.get("outputs", []))
    assert "2 kept, 1 skipped" in text


def test_notebook_refuses_unknown_names_before_any_work(lsp, tmp_path):
    where = ("-p", "root", lsp, "-p", "out", tmp_path / "out")
    done, _ = in_notebook(tmp_path, "-p", "dataset", "lsp", *where, "-p", "splitt", "test")
    assert done.returncode != 0 and "did you mean split" in done.stderr and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options,message",
    [
        ({"workers": "many"}, "workers: expected int"),
        ({"least": 2.5}, "least: expected int"),
        ({"out": 3}, "out: expected str"),
        ({"size": 8}, "size 8"),
    ],
)
def test_ill_typed_options_are_refused_before_any_work(lsp, tmp_path, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        P.run("lsp", {"root": str(lsp), "out": str(tmp_path / "out"), "quiet": True} | options)
    assert not (tmp_path / "out").exists()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_joints_file_never_does_more_than_the_documented_error(tmp_path_factory, data):
    "scipy's reader crashes the process on such files."
    path = tmp_path_factory.getbasetemp() / "joints.mat"
    raw = bytearray(MATLAB[data.draw(st.booleans())])
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(0, min(len(raw), 400) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw)
    try:
        assert _read_joints(path)[0].shape[1:] == (14, 2)
    except ValueError as e:
        assert "joints.mat" in str(e)
