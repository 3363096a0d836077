# make help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

help: ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/'

setup: $(STAMP) ## a virtual environment with everything in it

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "sr needs Python 3.10 or newer; name one with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	touch $@

demo: $(STAMP) ## train a small SRGAN for about two minutes, then enlarge a photograph with it
	$(BIN)/python -m sr.train experiment=demo
	$(BIN)/python -m sr.upscale "$$($(BIN)/python -c 'from sr.data.photos import folder; print(folder() / "chelsea.png")')" \
		-o outputs/demo/cat_x4.png --overwrite --model "$$(ls -td outputs/demo/*/ | head -1)"

test: $(STAMP) ## all tests that this machine can run
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

test-fast: $(STAMP) ## without the slow ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal -m 'not slow'

lint: $(STAMP) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: help setup demo test test-fast lint
