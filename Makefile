# make setup   a virtual environment with everything, in .venv
# make test    what the README promises, checked
# make demo    the main job, end to end
# make bench   speed and memory on this machine
# make lint    style and types

PYTHON ?= python3.11
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/installed

.PHONY: setup test demo bench lint extension clean

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[blender,dev,train]'
	touch $@

test: setup
	$(BIN)/python -m pytest

demo: setup
	$(BIN)/python examples/made_head/made_head.py out/made_head

bench: setup
	$(BIN)/portrait-manifolds bench

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy backend cuda_ops tests

clean:
	rm -rf out build dist *.egg-info
