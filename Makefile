# Everything that people and CI do here. `make help` lists it; CI calls `make test` and nothing else.
PYTHON ?= python3
OUT ?= build/notebooks
BIN := .venv/bin
# A container's only user is root, and Jupyter refuses root unless told.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.DEFAULT_GOAL := help
.PHONY: help lab test test-browser lint notebooks exercises bench

help:  ## list what can be made
	@awk -F ':.*##' '/^[a-z-]+:.*##/ { printf "make %-13s%s\n", $$1, $$2 }' Makefile

# The stamp is as new as the last installation: it runs again only after pyproject.toml has changed.
.venv/.installed: pyproject.toml
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[dev,teach]'
	touch $@

lab: .venv/.installed  ## set up, lay out your folder work/, open JupyterLab on it; ARGS="--no-browser --port 8899"
	$(BIN)/workbook init work --keep
	$(BIN)/workbook sample casia-mini work/data
	$(BIN)/jupyter lab --notebook-dir=work $(AS_ROOT) $(ARGS)

# The notebooks come late and alone: beside other work on two cores, training takes five times as long.
test: lint  ## set up, then lint, unit tests, doctests, the notebooks, and these in a browser where Chromium is installed
	$(BIN)/pytest -n 2 --dist loadscope -m "not browser" workbook tests
	$(BIN)/pytest --nbval notebooks
	$(BIN)/pytest -m browser tests/browser

test-browser: .venv/.installed  ## all notebooks and widgets in JupyterLab in headless Chromium; screenshots in build/browser
	$(BIN)/pytest -m browser tests/browser

lint: .venv/.installed  ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

notebooks: .venv/.installed  ## execute the notebooks: DATA=<folder with Tp/ Gt/ [Au/]> PORTRAITS=<folder> OUT=build/notebooks STORE=1
	$(BIN)/workbook notebooks --out "$(OUT)" $(if $(DATA),--data "$(DATA)") $(if $(PORTRAITS),--portraits "$(PORTRAITS)") $(if $(STORE),--store)

exercises: .venv/.installed  ## cut the learner's copies anew from the notebooks, after any change of these
	$(BIN)/workbook release

bench: .venv/.installed  ## the measurements that need no data, no peers and no GPU; tables to the terminal
	$(BIN)/python benchmarks/check_model.py
	$(BIN)/python benchmarks/metrics_referee.py
	$(BIN)/python benchmarks/metrics_speed.py
	$(BIN)/python benchmarks/train_overhead.py
