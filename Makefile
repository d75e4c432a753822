# Needs Python 3.11 or newer (make PYTHON=python3.12 where python3 is older), a C++20 compiler and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
CORE := $(wildcard src/lvcore/*/*.[ch]pp)
CPP := $(CORE) $(wildcard tests/lvcore/*.[ch]pp tests/lvcore/*/*.[ch]pp)
# What the package is built from; Python files are used where they lie.
SOURCES := pyproject.toml constraints.txt CMakeLists.txt $(CORE)
STUDY ?=
PYTEST_ARGS ?=
# The build whose C++ tests run.
CPP_BUILD ?= build/dev-werror
# Processes that run the tests; 0 for pytest alone.
JOBS ?= auto
CASES ?= 10000
SEED ?= 0
# Version of the viewer that `make viewers` fetches.
OHIF ?= 3.13.2
DATA ?= data
# Folder of dsb2_png and sunnybrook_png.
PNG ?= ../shared/data

.PHONY: setup build test bench viewers fuzz golden claims cohort calibrations results demo lint types tidy docs werror cpptests sanitize dist bare clean

setup: $(VENV)/developed

build: $(VENV)/installed

test: $(VENV)/developed
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal $(PYTEST_ARGS)

# Results in Orthanc and OHIF; minutes. Needs orthanc-dicomweb, chromium and npm.
viewers: $(VENV)/developed build/ohif/package/dist
	$(BIN)/python -m tests.viewers --ohif build/ohif/package/dist --pictures build/viewers --write

build/ohif/package/dist:
	mkdir -p build/ohif
	cd build/ohif && npm pack --silent @ohif/app@$(OHIF) && tar xzf ohif-app-$(OHIF).tgz

fuzz: $(VENV)/developed
	$(BIN)/python -m tests.dicom.fuzz --cases $(CASES) --seed $(SEED) --write

# DATA holds the real studies, unpacked.
golden: $(VENV)/developed
	$(BIN)/python -m tests.golden $(DATA)

# Hours; a stopped run goes on where it was.
claims: $(VENV)/developed
	$(BIN)/python -m benchmarks.claims.compare $(PNG) runs/claims

# Repeats what was measured with other weights than the committed ones, then writes docs/results.md,
# its figures, and the figures that other documents quote.
results: $(VENV)/developed
	$(BIN)/python -m benchmarks.pages.results $(PNG) $(DATA)

# 500 small phantoms in one run, then 20 kills: about 12 minutes on two cores.
cohort: $(VENV)/developed
	$(BIN)/python -m benchmarks.cohorts.many

# The calibrations that ship, fitted to benchmarks/results/out_of_fold.json.
calibrations: $(VENV)/developed
	$(BIN)/python -m benchmarks.accuracy.calibrations

# Beside other libraries, on STUDY or a phantom; leave the machine alone meanwhile.
bench: $(VENV)/benched
	$(BIN)/python -m benchmarks.speed.suite $(STUDY)

demo: $(VENV)/installed
	test -n "$(STUDY)" || test -f demo/study/truth.json || \
	  { rm -rf demo/study && $(BIN)/lvvol phantom demo/study --seed 8; }
	$(BIN)/lvvol predict "$(or $(STUDY),demo/study)" -o demo/result

lint: $(VENV)/developed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/clang-format --dry-run --Werror $(CPP)

types: $(VENV)/developed
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest lvvol._core

tidy: $(VENV)/developed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/clang-format -i $(CPP)

# Every page is read again: Sphinx warns of a page when it reads it, and not when it is unchanged.
docs: $(VENV)/developed
	rm -rf docs/generated
	$(BIN)/python -m sphinx -W --keep-going -n -E -q -b html docs build/docs

werror: $(VENV)/developed
	$(BIN)/cmake --preset dev-werror -DPython_EXECUTABLE="$(CURDIR)/$(BIN)/python" \
	  -DCMAKE_MAKE_PROGRAM="$(CURDIR)/$(BIN)/ninja" -Dpybind11_DIR="$$($(BIN)/pybind11-config --cmakedir)"
	$(BIN)/cmake --build --preset dev-werror
	$(MAKE) cpptests

cpptests: $(VENV)/developed
	$(BIN)/ctest --test-dir $(CPP_BUILD) --output-on-failure --no-tests=error

sanitize: $(VENV)/developed
	$(BIN)/cmake --preset asan-ubsan -DCMAKE_MAKE_PROGRAM="$(CURDIR)/$(BIN)/ninja"
	$(BIN)/cmake --build --preset asan-ubsan
	$(BIN)/ctest --preset asan-ubsan

dist: $(VENV)/developed
	rm -rf dist
	$(BIN)/python -m build

bare: dist
	.ci/bare

clean:
	rm -rf build demo dist docs/generated $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else \
	  "lvvol needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade "pip>=25.1"

$(VENV)/installed: $(SOURCES) | $(VENV)/bin/python
	$(PIP) install -c constraints.txt --editable .
	touch $@

$(VENV)/developed: $(VENV)/installed
	$(PIP) install -c constraints.txt --group dev
	test -d build/opencv4 || $(PIP) install --target build/opencv4 --no-deps "opencv-python-headless>=4.8,<5"
	touch $@

$(VENV)/benched: $(VENV)/developed
	$(PIP) install -c constraints.txt --group bench
	touch $@
