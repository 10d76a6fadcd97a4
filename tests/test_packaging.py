"The wheel: built, installed into an empty environment, imported there, with its data and without a network."

import ast, hashlib, json, os, shutil, subprocess, sys, zipfile
from functools import partial

import pytest

from helpers import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import environment

LOCK = ROOT / "requirements-dev.lock"
FILES = sorted(p.relative_to(ROOT / "pgp_nb") for p in (ROOT / "pgp_nb").rglob("*.py") if not p.stem.startswith("_"))
MODULES = [".".join(p.with_suffix("").parts) for p in FILES]
NEEDED_PACKAGES = set(
    "torch numpy pillow opencv-python-headless matplotlib safetensors pyyaml tqdm fastcore scipy scikit-image".split()
)
EXTRA_PACKAGES = set("ipywidgets anywidget traitlets papermill nbconvert nbformat nbclient tensorboard".split())

IMPORT_ALL = """
import builtins, importlib, json, socket, sys, time
def refuse(*args, **kwargs): raise AssertionError(f"the import opens a connection: {args}")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
start = time.process_time()
import cv2, torch
report = {"torch and cv2": time.process_time() - start}
for name in sys.argv[1:]:
    try: importlib.import_module(f"pgp_nb.{name}"); report[name] = "imported"
    except ModuleNotFoundError as error: report[name] = f"needs {error.name}"
report["everything"] = time.process_time() - start
report["matplotlib"] = "matplotlib.pyplot" in sys.modules
report["file"] = __import__("pgp_nb").__file__
print(json.dumps(report))
"""


def run(*args, **kwargs):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, **kwargs)
    assert done.returncode == 0, f"{' '.join(map(str, args))[:200]}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    "A wheel built from a copy of the sources, so that nothing is left in the tree."
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    sources.mkdir()
    for name in ("setup.py", "settings.ini", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    shutil.copytree(ROOT / "pgp_nb", sources / "pgp_nb", ignore=shutil.ignore_patterns("__pycache__"))
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, sources)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def python(wheel):
    """An environment with the wheel and its own requirements alone, at the lock's versions.

    It is kept between runs while lock and requirements stay.
    """
    folder = ROOT / ".venv-wheel"
    made_from = hashlib.sha256(
        LOCK.read_bytes() + (ROOT / "settings.ini").read_bytes() + sys.version.encode()
    ).hexdigest()
    stamp, inside = folder / "made-from", folder / "bin/python"
    fresh = not (stamp.exists() and stamp.read_text(encoding="utf-8") == made_from)
    if fresh:
        run(sys.executable, "-m", "venv", "--clear", folder)
    pip = partial(environment.pip, inside, "--constraint", LOCK)
    if fresh:
        pip(wheel)
    pip("--force-reinstall", "--no-deps", wheel)
    stamp.write_text(made_from, encoding="utf-8")
    return inside


@pytest.fixture(scope="session")
def imports(python, tmp_path_factory):
    """What importing every module in the empty environment reports.

    The quickest of up to three tries, since the first one compiles; in processor time, since other work on the machine
    must not fail it, and against torch and OpenCV alone, since machines differ by a factor of two.
    """
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}

    def ratio(report):
        return report["everything"] / report["torch and cv2"]

    reports = []
    for _ in range(3):
        said = run(python, "-I", "-c", IMPORT_ALL, *MODULES, cwd=tmp_path_factory.mktemp("elsewhere"), env=env)
        reports.append(json.loads(said.splitlines()[-1]))
        if ratio(reports[-1]) < 1.75:
            break
    return min(reports, key=ratio)


def test_the_wheel_carries_library_and_data_and_nothing_else(wheel):
    names = [n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n]
    expected = [
        p
        for p in (ROOT / "pgp_nb").rglob("*")
        if p.is_file() and (p.suffix == ".py" or "data" in p.relative_to(ROOT).parts) and "__pycache__" not in p.parts
    ]
    expected += (ROOT / "pgp_nb/static").glob("live.*")  # of the live figures what the widgets need
    assert sorted(names) == sorted(p.relative_to(ROOT).as_posix() for p in expected)


def test_the_wheel_asks_for_no_development_package(wheel):
    archive = zipfile.ZipFile(wheel)
    metadata = archive.read(next(n for n in archive.namelist() if n.endswith("METADATA"))).decode()
    needed = {
        line.split()[1].split(">")[0].split("=")[0].split(";")[0].lower()
        for line in metadata.splitlines()
        if line.startswith("Requires-Dist") and "extra ==" not in line
    }
    assert needed == NEEDED_PACKAGES
    assert "License-Expression: Apache-2.0" in metadata or "License: Apache-2.0" in metadata


def test_every_module_imports_from_the_wheel(imports):
    assert ".venv-wheel" in imports["file"]
    failed = {
        name: imports[name]
        for name in MODULES
        if imports[name] != "imported" and imports[name].removeprefix("needs ") not in EXTRA_PACKAGES
    }
    assert not failed, f"these modules do not import without development packages: {failed}"


def test_only_what_needs_an_extra_is_left_out(imports):
    assert {name for name in MODULES if imports[name] != "imported"} <= {"widgets"}


def test_the_imports_are_quick_and_leave_pictures_alone(imports):
    took, least = imports["everything"], imports["torch and cv2"]
    assert took < 2 * least, f"every module: {took:.1f} s of processor time, torch and OpenCV alone: {least:.1f} s"
    assert not imports["matplotlib"], (
        "matplotlib.pyplot is imported with the library: import it inside the plotting functions"
    )


def test_the_data_files_load_from_the_wheel(python, tmp_path):
    files = sorted(
        p.relative_to(ROOT / "pgp_nb/data").as_posix() for p in (ROOT / "pgp_nb/data").rglob("*") if p.is_file()
    )
    code = """
import io, sys
from importlib.resources import files
import numpy as np
for name in sys.argv[1:]:
    data = files("pgp_nb").joinpath("data", *name.split("/")).read_bytes()
    assert data, name
    if name.endswith((".npz", ".npy")):
        loaded = np.load(io.BytesIO(data), allow_pickle=False)
        if name.endswith(".npz"): assert all(loaded[k] is not None for k in loaded.files)
"""
    run(python, "-I", "-c", code, *files, cwd=tmp_path)
    assert files, "the library ships no data files"


def test_the_version_is_the_one_in_the_settings(python, tmp_path):
    version = next(
        line.split("=")[1].strip()
        for line in (ROOT / "settings.ini").read_text(encoding="utf-8").splitlines()
        if line.startswith("version")
    )
    code = "import pgp_nb, importlib.metadata as m; print(pgp_nb.__version__, m.version('pgp_nb'))"
    assert run(python, "-I", "-c", code, cwd=tmp_path).split() == [version, version]


def test_training_runs_from_the_wheel_alone(python, tmp_path):
    "The preset is found in the package; no notebook, TensorBoard or test package is there to help."
    values = dict(iterations=4, bootstrap=1, warmup=1, validate_every=2, pairs="[16, 4, 4]")
    options = [word for k, v in values.items() for word in ("--set", f"{k}={v}")]
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    env |= {"PGP_DATA": str(tmp_path / "people"), "OMP_NUM_THREADS": "1"}
    training = (python, "-I", "-m", "pgp_nb.training")
    quick = ("--preset", "tiny", "--device", "cpu", "--run", tmp_path / "run")
    run(*training, *quick, *options, cwd=tmp_path, env=env)
    written = {p.name for p in (tmp_path / "run").iterdir()}
    assert {"weights.safetensors", "metrics.json", "curve.jsonl"} <= written
    assert "tensorboard" not in written
    assert "semi" in run(*training, "--presets", cwd=tmp_path).split()


def test_a_film_is_predicted_from_the_wheel_alone(python, tmp_path):
    "What only some calls import is a requirement, too: here what finds people by their motion."
    shutil.copy(ROOT / "experiments/film.webm", tmp_path)
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | {"OMP_NUM_THREADS": "1"}
    words = ("predict", "film.webm", "--rate", "2", "--only", "json")
    said = run(python, "-I", "-m", "pgp_nb", *words, cwd=tmp_path, env=env)
    assert "1 person" in said and (tmp_path / "film-poses.json").exists()


@pytest.mark.parametrize("minor", range(10, 14))
def test_the_library_parses_as_every_supported_python(minor):
    for path in sorted((ROOT / "pgp_nb").rglob("*.py")):
        ast.parse(path.read_text(encoding="utf-8"), path.name, feature_version=(3, minor))
