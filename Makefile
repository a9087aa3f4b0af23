# make setup   a virtual environment with everything, in .venv
# make test    what the README promises, checked
# make demo    the main job, end to end
# make bench   speed and memory on this machine
# make lint    style and types
# make fuzz    damaged files to what reads files, FUZZ_SECONDS (600) a reader
# make pictures             what README and examples show, by the present weights
# make window-pictures      those of Blender's window in its manual, with BLENDER=PROGRAM of 4.2 or later
# make extension            the Blender extension, as dist/portrait_manifolds-VERSION.zip
# make test-blender-matrix  the extension in Blender 4.2 and 5.0 as well

PYTHON ?= python3.11
VENV ?= .venv
FUZZ_SECONDS ?= 600
BLENDER ?= blender
BIN = $(VENV)/bin
INSTALLED = $(VENV)/installed

EXTENSION_TOOL = import bpy, pathlib; \
	print(pathlib.Path(bpy.utils.system_resource("SCRIPTS")) / "addons_core/bl_pkg/cli/blender_ext.py")

.PHONY: setup test demo pictures window-pictures bench lint fuzz extension test-blender-matrix clean

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[blender,dev,train]'
	touch $@

test: setup
	$(BIN)/python -m pytest

demo: setup
	$(BIN)/python examples/dolly_zoom/dolly_zoom.py out/demo

pictures: setup
	$(BIN)/python docs/drawings/pictures.py out/pictures

window-pictures: extension
	$(BIN)/python docs/drawings/blender_window.py "$$(ls -t dist/portrait_manifolds-*.zip | head -1)" $(BLENDER)

bench: setup
	$(BIN)/portrait-manifolds bench

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy backend cuda_ops tests

fuzz: setup
	$(BIN)/python tests/fuzz/fuzz.py all --seconds $(FUZZ_SECONDS)

extension: setup
	mkdir -p dist
	$(BIN)/python -I "$$($(BIN)/python -c '$(EXTENSION_TOOL)')" build --source-dir . --output-dir dist

test-blender-matrix: setup
	for version in 4.2.0 5.0.1; do \
		test -d $(VENV)/bpy-$$version || $(PYTHON) -m venv $(VENV)/bpy-$$version; \
		$(VENV)/bpy-$$version/bin/python -m pip install --quiet bpy==$$version 'numpy<2' || exit 1; \
		PORTRAIT_MANIFOLDS_BPY=$(CURDIR)/$(VENV)/bpy-$$version/bin/python \
			$(BIN)/python -m pytest tests/test_blender_*.py || exit 1; \
	done

clean:
	rm -rf out build dist *.egg-info
