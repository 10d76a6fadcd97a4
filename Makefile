# Two commands: `make demo` and `make test`. Each first makes .venv from requirements-dev.lock; later calls reuse it.
# Variables: PYTHON (3.10 or newer, used only to make the environment).
PYTHON ?= python3
PY := .venv/bin/python
LOCK := requirements-dev.lock
ENV := .venv/.made-from-$(shell cksum < $(LOCK) | cut -d' ' -f1)

export JUPYTER_PREFER_ENV_PATH = 1
unexport PYTHONDONTWRITEBYTECODE
chapters pytest: export OMP_NUM_THREADS ?= 1
chapters: export MPLBACKEND = agg

.PHONY: help env demo test check chapters pytest readme docs preview lab wheel lock clean
.NOTPARALLEL:

help:
	@echo "make demo      shipped weights on a film, then a small training run from scratch, evaluation: runs/demo"
	@echo "make test      every check: library, notebooks, README, chapters, pytest, wheel"
	@echo "make check     the quick part of the checks (library, notebooks, README)"
	@echo "make chapters  run the chapters as tests"
	@echo "make pytest    the tests in tests/"
	@echo "make readme    write README.md from nbs/index.ipynb"
	@echo "make docs      render the site into _docs and check it: code, links, pictures, formulas, and in chromium if there is one"
	@echo "make preview   serve the rendered site on this machine"
	@echo "make lab       JupyterLab on the chapters"
	@echo "make wheel     build a wheel into dist"
	@echo "make lock      write a new $(LOCK) from settings.ini"
	@echo "make clean     remove what was built, runs and environments stay"

env: $(ENV)

$(ENV):
	@$(PYTHON) tools/environment.py .venv $(LOCK)
	@rm -f .venv/.made-from-* && touch $@

demo: $(ENV)
	@$(PY) tools/demo.py

test: check chapters pytest

check: $(ENV)
	@$(PY) tools/check.py

chapters: $(ENV)
	@printf '\n== Chapters: every cell of every notebook runs\n'
	@.venv/bin/nbdev_test --n_workers 2 --timing

pytest: $(ENV)
	@printf '\n== Tests: pytest, wheel included\n'
	@$(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile

readme: $(ENV)
	@$(PY) tools/readme.py

docs: $(ENV)
	@$(PY) tools/docs.py

preview: $(ENV)
	@$(PY) tools/docs.py preview

lab: $(ENV)
	@.venv/bin/jupyter lab nbs

wheel: $(ENV)
	@$(PY) -m build --wheel --no-isolation .

lock:
	@$(PYTHON) tools/environment.py --lock .venv-lock $(LOCK)

clean:
	rm -rf _proc _docs build dist *.egg-info .pytest_cache .hypothesis
