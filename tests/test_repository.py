"The repository's own checks, and that they find what they are for."

import importlib, inspect, json, os, re, subprocess, sys, typing
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

from helpers import ROOT, python

sys.path.insert(0, str(ROOT / "tools"))
import check, house, readme
from docs import plain

from pgp_nb.engine.commands import _read_release, _read_studies, _release_configs, _study_config
from pgp_nb.engine.config import PRESETS, load_config
from pgp_nb.losses import chosen_terms
from pgp_nb.training import TERMS


def cell(source="", outputs=(), kind="code"):
    return {"cell_type": kind, "source": source, "outputs": list(outputs), "metadata": {}}


def faults(*cells, **kwargs):
    "Faults of a chapter that begins as it should, its cells counted from 1."
    return check.notebook_faults({"cells": [cell("# Title\n\n> subtitle", kind="markdown"), *cells]}, **kwargs)


def stream(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def display(**data):
    return {"output_type": "display_data", "data": {k.replace("_", "/"): v for k, v in data.items()}}


@pytest.mark.parametrize(
    "output, words",
    [
        ({"output_type": "error", "ename": "ValueError", "evalue": "x"}, "ends in an error: ValueError"),
        (stream("saved to /home/someone/run"), "shows the path /home/someone"),
        (display(text_html="<a href='/tmp/x.png'>"), "shows the path /tmp/x.png"),
        (stream("<Thing object at 0x7f2002ae4ae0>"), "memory address"),
        (stream("skipped: PGP_SAMPLES has no cmu/joints.npz"), "without the samples"),
        (display(image_png="A" * 100_000), "a picture of 73.2 KB"),
        (display(text_html=f"<img src='data:image/png;base64,{'A' * 100_000}'>"), "a picture of 73.2 KB"),
    ],
)
def test_a_bad_output_is_found(output, words):
    found = faults(cell("show()", [output]))
    assert len(found) == 1 and words in found[0]


def test_good_outputs_pass():
    good = [
        stream("see https://example.org/home/page and runs/tmp/x\n"),
        display(image_png="A" * 40_000, text_plain="<Figure>"),
    ]
    assert faults(cell("show()", good), cell("x = 1"), cell("text", kind="markdown")) == []


def test_a_chapter_without_outputs_is_found():
    assert faults(cell("print(1)")) == ["has no outputs: execute it"]
    assert faults(cell("print(1)"), must_run=False) == []
    assert faults(cell("print(1)", [stream("1\n")]), cell("print(2)")) == [
        "cell 2 prints but has no output: execute the notebook"
    ]
    assert faults(cell("print(1)", [stream("1\n")]), cell("#| slow\nprint(2)"), cell("def f():\n    print(3)")) == []
    drawn = cell('#| fig-cap: "A figure"\nplt.plot(x)', [display(image_png="A", text_plain="<Figure>")])
    assert faults(cell("print(1)", [stream("1\n")]), drawn) == []
    assert faults(drawn, drawn | {"outputs": [stream("the films are missing\n")]}) == [
        "cell 2 has a caption but no picture: execute the notebook with --pictures"
    ]


@pytest.mark.parametrize(
    "first, words",
    [
        (cell("# Title\n\n> subtitle\n\nMore text", kind="markdown"), "holds more than title and subtitle"),
        (cell("Some text", kind="markdown"), "is no title"),
        (cell("x = 1"), "is no title"),
    ],
)
def test_a_bad_title_is_found(first, words):
    found = check.notebook_faults({"cells": [first]})
    assert len(found) == 1 and words in found[0]


def test_an_import_beside_other_code_is_found():
    assert "cell 1 mixes an import" in faults(cell("import x\ny = x.f()"))[0]
    assert "cell 1 mixes an import" in faults(cell("def f():\n    import x\n    y = 1"))[0]
    assert (
        faults(
            cell("import x\nfrom y import z"),
            cell("#| export\nimport x\ny = 1"),
            cell("#| eval: false\nimport x\ny = 1"),
        )
        == []
    )


def test_a_source_that_names_a_machine_is_found():
    assert "names the path /home/someone" in faults(cell("open('/home/someone/x')"))[0]


def test_differing_modules_are_found(tmp_path):
    for folder, files in dict(
        old={"same": 1, "left": 1, "edited": 1}, new={"same": 1, "edited": 2, "extra": 1}
    ).items():
        (tmp_path / folder).mkdir()
        for name, value in files.items():
            (tmp_path / folder / f"{name}.py").write_text(f"x = {value}\n", encoding="utf-8")
    found = check.compare_modules(tmp_path / "old", tmp_path / "new")
    assert [f.split()[0] for f in found] == ["pgp_nb/left.py", "pgp_nb/extra.py", "pgp_nb/edited.py"]


def test_unclean_notebook_is_found(tmp_path):
    (tmp_path / "nbs").mkdir()
    (tmp_path / "settings.ini").write_text((ROOT / "settings.ini").read_text(encoding="utf-8"), encoding="utf-8")
    notebook = json.loads((ROOT / "nbs/00_conventions.ipynb").read_text(encoding="utf-8"))
    next(c for c in notebook["cells"] if c["cell_type"] == "code")["execution_count"] = 7
    (tmp_path / "nbs/a.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    assert check.clean(tmp_path) == ["nbs/a.ipynb is not clean: run nbdev_clean --fname nbs/a.ipynb"]


def test_a_wrong_type_is_found(tmp_path):
    (tmp_path / "pgp_nb").mkdir()
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "pgp_nb/__init__.py").touch()
    (tmp_path / "pgp_nb/a.py").write_text("def side(size: int) -> str:\n    return 2 * size\n", encoding="utf-8")
    found = check.types(tmp_path)
    assert len(found) == 1 and found[0].startswith("pgp_nb/a.py:2: error: Incompatible return value type")


def test_a_line_of_the_library_beyond_the_columns_is_found(tmp_path):
    (tmp_path / "pgp_nb").mkdir()
    (tmp_path / "ruff.toml").write_text("line-length = 120\n", encoding="utf-8")
    text = f"__all__ = ['{'a' * 120}']\n# {'é' * 118}\n# {'a' * 119}\n"
    (tmp_path / "pgp_nb/a.py").write_text(text, encoding="utf-8")
    assert check.wide(tmp_path) == ["pgp_nb/a.py:3: 121 columns, 120 are allowed"]


@pytest.mark.parametrize(
    "call, found",
    [
        ("path.read_text()", True),
        ("path.write_text(text)", True),
        ("open(path)", True),
        ("open(path, 'a')", True),
        ("path.open(mode='w')", True),
        ("path.read_text(encoding='utf-8')", False),
        ("write_text(path, text)", False),
        ("open(path, 'rb')", False),
        ("archive.open(name)", False),
    ],
)
def test_text_in_no_stated_encoding_is_found(call, found):
    assert check.opens_text(check.ast.parse(call, mode="eval").body) == found


def test_a_machine_whose_language_is_ascii_reads_the_same_texts(tmp_path):
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    code = "from pgp_nb.prediction import model_card\nfrom pgp_nb.engine.config import command\n"
    code += "print(ascii(model_card()))\nprint(command()(lambda _: print('better: \u2193'))())"
    (tmp_path / "script.py").write_text(code, encoding="utf-8")
    done = python(tmp_path / "script.py", env=os.environ | ascii_only)
    assert done.returncode == 0 and r"\u2193" in done.stdout and done.stdout.endswith("better: ?\n0\n"), done.stderr


def test_the_folders_that_papermill_writes_to_are_made_first():
    "It makes none itself, and a fresh clone has no runs/."
    for path in [*(ROOT / "experiments").glob("*.ipynb"), ROOT / "nbs/datasets/prepare.ipynb"]:
        made: set[str] = set()
        text = check.join(check.read(path)["cells"][0 if path.parent.name == "experiments" else 1]["source"])
        for line in text.splitlines():
            if line.startswith("mkdir -p "):
                made |= set(line.partition("#")[0].split()[2:])
            elif line.startswith("papermill "):
                folder = str(Path(line.split()[2]).parent)
                assert folder == "." or folder in made, f"{path.name}: {folder}"


def test_unknown_step_is_an_error():
    done = subprocess.run([sys.executable, ROOT / "tools/check.py", "libary"], capture_output=True, text=True)
    assert (
        done.returncode
        and "no step 'libary'; the steps are library, house, clean, style, types, links, executed, readme"
        in done.stderr
    )


def test_readme_keeps_text_and_results_and_hides_the_hidden():
    notebook = {
        "cells": [
            cell("# T\n\n[a](01_a.ipynb) [b](https://b.org) [l](../LICENSE) ![p](images/p.png)", kind="markdown"),
            cell("#| hide\nsecret()"),
            cell("#| eval: true\nprint(1)", [stream("1\n")]),
            cell("f", [display(image_png="A", text_plain="<Figure>")]),
            cell("#| echo: false\nquiet()", [display(text_markdown="| a |", text_plain="<Markdown>"), stream("aside")]),
        ]
    }
    text = readme.readme(notebook)
    assert "\n| a |\n" in text and "quiet" not in text and "aside" not in text and "<Markdown>" not in text
    assert "[a](nbs/01_a.ipynb) [b](https://b.org) [l](LICENSE) ![p](nbs/images/p.png)" in text
    assert "```python\nprint(1)\n```\n\n```text\n1\n```" in text
    assert "secret" not in text and "Figure" not in text and "#|" not in text


def test_links_of_the_readme_exist():
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    missing = [link for link in links if not link.startswith("http") and not (ROOT / link).exists()]
    assert not missing, f"README.md links to files that do not exist: {missing}"


def test_links_that_lead_nowhere_are_found(tmp_path):
    (tmp_path / "nbs/engine").mkdir(parents=True)
    (tmp_path / "README.md").write_text(
        "[chapter](nbs/a.ipynb) [web](https://example.org) [place](#here)", encoding="utf-8"
    )
    (tmp_path / "CONTRIBUTING.md").write_text("[gone](nbs/b.ipynb)", encoding="utf-8")
    notebook = lambda text: json.dumps({"cells": [cell(text, kind="markdown")]})
    (tmp_path / "nbs/a.ipynb").write_text(notebook("[there](engine/c.ipynb#part)"), encoding="utf-8")
    (tmp_path / "nbs/engine/c.ipynb").write_text(
        notebook("[too deep](engine/c.ipynb) [up](../a.ipynb)"), encoding="utf-8"
    )
    assert check.links(tmp_path) == [
        "nbs/engine/c.ipynb links to engine/c.ipynb, which is not there",
        "CONTRIBUTING.md links to nbs/b.ipynb, which is not there",
    ]


def test_the_site_lists_every_chapter():
    def pages(contents):
        for entry in contents:
            if isinstance(entry, dict) and "contents" in entry:
                yield from pages(entry["contents"])
            else:
                yield entry["href"] if isinstance(entry, dict) else entry

    config = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    listed = list(pages(config["website"]["sidebar"]["contents"]))
    chapters = [
        p.relative_to(ROOT / "nbs").with_name(plain(p.name)).as_posix()
        for p in sorted((ROOT / "nbs").rglob("*.ipynb"))
        if not p.name.startswith(".") and ".ipynb_checkpoints" not in p.parts
    ]
    assert sorted(listed) == sorted([*chapters, "experiments/report.ipynb"])
    road = [c for c in chapters if "/" not in c and c != "index.ipynb"]
    assert [p for p in listed if "/" not in p and p != "index.ipynb"] == road, "the sidebar has the road in its order"
    after = [p for p in listed if not p.startswith("tutorials/")]
    assert after[1 : len(road) + 1] == road, "the road comes first, after the tutorials"


def test_the_lock_names_versions_only():
    pins = [
        line
        for line in (ROOT / "requirements-dev.lock").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    assert "torch==2.13.0" in pins


MODULES = sorted(
    ".".join(p.relative_to(ROOT / "pgp_nb").with_suffix("").parts)
    for p in (ROOT / "pgp_nb").rglob("*.py")
    if not p.stem.startswith("_") and p.name not in check.DOORS
)


@pytest.mark.parametrize("module", MODULES)
def test_annotations_resolve(module):
    "The site evaluates annotations: a name in quotes that its module does not import stops it."
    loaded = importlib.import_module(f"pgp_nb.{module}")
    for name in loaded.__all__:
        thing = getattr(loaded, name)
        for function in [thing, *vars(thing).values()] if inspect.isclass(thing) else [thing]:
            if not inspect.isfunction(function):
                continue
            try:
                typing.get_type_hints(function)
            except NameError as error:
                pytest.fail(f"annotation of pgp_nb.{module}.{function.__qualname__}: {error}", pytrace=False)


def small_house(folder, **modules):
    "Exported modules by the name they have below pgp_nb, with `__` for a folder."
    for name, text in modules.items():
        path = folder / "pgp_nb" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# AUTOGENERATED\n" + text, encoding="utf-8")
    return house.arrow_faults(folder)


def test_arrows_that_point_forward_or_hide_are_found(tmp_path):
    assert (
        small_house(
            tmp_path / "a",
            camera="from .conventions import JOINTS\nfrom .engine.files import write_text\n",
            engine__runs="from ..training import step\n",
        )
        == []
    )
    (forward,) = small_house(tmp_path / "b", puppet="from .networks import Pose\n")
    assert forward == (
        "pgp_nb/puppet.py:2 imports networks, which stands later in reading order:"
        " move what both need into the earlier chapter"
    )
    hidden = small_house(
        tmp_path / "c",
        losses="def f():\n    from pgp_nb.networks import Pose\n",
        engine__runs="def f():\n    import pgp_nb.training\n",
    )
    assert len(hidden) == 2 and all("inside a function" in fault for fault in hidden)
    (unplaced,) = small_house(tmp_path / "d", attic="x = 1\n")
    assert "attic has no place in the reading order" in unplaced
    assert len(small_house(tmp_path / "e", engine__loading="from . import commands\n")) == 1


def test_the_house_keeps_its_rules():
    assert house.faults(ROOT) == []
    numbers = dict(house.numbers(ROOT))
    assert (
        numbers["configuration values"] <= 50
        and numbers["exported names"] <= 450
        and numbers["presets in the wheel"] == 6
    )
    lines, names = map(int, numbers["training: lines, names"].split(", "))
    assert lines <= 300 and names <= 25


def test_the_package_offers_what_users_want_at_once_and_loads_it_on_first_use():
    code = """
import sys, time
start = time.perf_counter()
import pgp_nb
print(time.perf_counter() - start)
assert "torch" not in sys.modules
"""
    seconds = min(float(python("-c", code, check=True).stdout) for _ in range(3))
    assert seconds < 0.1
    import pgp_nb
    from pgp_nb.prediction import PGP
    from pgp_nb.puppet import Puppet

    assert (pgp_nb.PGP, pgp_nb.Puppet) == (PGP, Puppet) and {"PGP", "Puppet", "__version__"} <= set(dir(pgp_nb))
    with pytest.raises(AttributeError, match="no attribute 'Puppets'"):
        pgp_nb.Puppets


def test_every_study_and_every_stage_of_a_release_is_a_run():
    studies = _read_studies(ROOT / "experiments/studies.yaml")
    configs = {name: _study_config(name, studies) for name in studies}
    for path in sorted((ROOT / "experiments/release").glob("*.yaml")):
        configs |= _release_configs(_read_release(path), Path("runs"), 0)
    for name, cfg in (configs | {p.stem: load_config(p.stem) for p in PRESETS.glob("*.yaml")}).items():
        stages = cfg.stages
        begins = dict(bootstrap=0, warmup=stages.bootstrap, joint=stages.bootstrap + stages.warmup)
        for term in chosen_terms(cfg, TERMS):
            stage = min(begins[stage] for stage in term.trains.values())
            assert term.start < stages.iterations or stage >= stages.iterations, f"{name}: {term.name} never begins"
    known = {*configs, *(p.stem for p in PRESETS.glob("*.yaml"))}
    for name, cfg in configs.items():
        named = (cfg.stages.start_from, cfg.stages.decoder_from)
        starts = [start for names in named for start in names.split(" + ") if start]
        shipped = [ROOT / "pgp_nb/data/weights" / Path(s).name for s in starts if s.startswith("{shipped}")]
        assert all(path.is_file() for path in shipped)
        before = {Path(s).name.rpartition("-s")[0] for s in starts if not s.startswith("{shipped}")}
        assert before <= known, f"{name} starts from {before - known}, which nobody makes"


def settings():
    parser = ConfigParser(delimiters=["="])
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    return parser["DEFAULT"]


def read_yaml(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def setup_of(job):
    "What a job asks of setup-python."
    return next(step["with"] for step in job["steps"] if step.get("uses", "").startswith("actions/setup-python@"))


def test_workflows_run_on_the_declared_pythons():
    declared = subprocess.run(
        [sys.executable, "setup.py", "--classifiers"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    pythons = re.findall(r"Python :: (3\.\d+)", declared.stdout)
    test, build = (
        read_yaml(".github/workflows/test.yml")["jobs"]["test"],
        read_yaml(".github/workflows/site.yml")["jobs"]["build"],
    )
    tried = test["strategy"]["matrix"]["python-version"]
    assert set(tried) <= set(pythons) and {settings()["min_python"], pythons[-1]} <= set(tried)
    assert (
        setup_of(test)["python-version"] == "${{ matrix.python-version }}"
        and setup_of(build)["python-version"] in pythons
    )
    assert test["steps"][-1]["run"] == ".ci/run" and {"run": "make docs"} in build["steps"]


@pytest.mark.parametrize("path", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda path: path.stem)
def test_workflows_end_and_may_do_little(path):
    workflow = read_yaml(path)
    assert workflow["permissions"] == {"contents": "read"} and workflow["concurrency"]["group"]
    assert all(job["timeout-minutes"] <= 90 for job in workflow["jobs"].values())


@pytest.mark.parametrize("path", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem)
def test_issue_templates_are_forms(path):
    form = read_yaml(path)
    fields = form["body"]
    assert form["name"] and form["description"]
    assert {field["type"] for field in fields} <= {"input", "textarea", "dropdown"}
    assert len({field["id"] for field in fields}) == len(fields) and all(
        field["attributes"]["label"] for field in fields
    )


def test_hooks_call_tools_that_are_there():
    hooks = [
        hook
        for repo in read_yaml(".pre-commit-config.yaml")["repos"]
        if repo["repo"] == "local"
        for hook in repo["hooks"]
    ]
    for program, *arguments in (hook["entry"].split() for hook in hooks):
        assert (Path(sys.executable).parent / Path(program).name).exists(), f"{program} is not in the environment"
        words = ("check", "format")  # of ruff
        assert all((ROOT / a).exists() for a in arguments if a[0] != "-" and a not in words)
    assert (ROOT / ".github/pull_request_template.md").is_file()


def test_changelog_and_citation_name_the_version():
    version, citation = settings()["version"], read_yaml("CITATION.cff")
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert headings[0] == "Unreleased" and headings[1] == version == citation["version"]
    assert citation["references"][0]["title"] in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_name_that_two_chapters_export_is_found(tmp_path):
    texts = {"puppet": "__all__ = ['Pose', 'load']\n", "camera": "__all__ = ['Pose']\n"}
    assert small_house(tmp_path, **texts) == []
    (fault,) = house.name_faults(tmp_path)
    assert fault == "Pose is exported by camera and puppet: give one of them another name"
