# Every target does all of its own set-up in .venv; a second run finds it done.
# Another Python: make demo PYTHON=/path/to/python3.12     More for pytest: make test ARGS="-x -k clip"

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin

# Tests and checks need no screen, and open no windows on one.
test check robust: export QT_QPA_PLATFORM ?= offscreen
check: export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test check bench robust setup libraries

help:
	@echo "make demo    open InCab on the bundled clip (without a screen: replay it, draw build/demo.png)"
	@echo "make test    run the tests"
	@echo "make check   lint, formatting, types, import rules"
	@echo "make bench   time every engine this CPU offers"
	@echo "make robust  the long rehearsals of docs/robustness.md: about three quarters of an hour"
	@echo "make setup   the set-up alone"

demo: setup
	$(BIN)/incab demo $(ARGS)

bench: setup
	$(BIN)/incab bench $(ARGS)

robust: libraries $(VENV)/.development-is-set-up
	$(BIN)/python -m tests.robustness.exit_states --signals
	$(BIN)/python -m tests.robustness.overload
	$(BIN)/python -m tests.robustness.soak
	$(BIN)/python -m tests.robustness.session_kills
	$(BIN)/python -m tests.robustness.power_cuts
	$(BIN)/python -m tests.robustness.fuzz_sessions 10500
	$(BIN)/python -m tests.robustness.fuzz_files
	$(BIN)/python -m tests.robustness.source_faults --repeat 10
	$(BIN)/python -m tests.robustness.stream_server

setup: libraries $(VENV)/.runtime-is-set-up

test: libraries $(VENV)/.development-is-set-up
	$(BIN)/python -m pytest $(ARGS)

check: libraries $(VENV)/.development-is-set-up
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q tests/test_architecture.py

$(VENV)/.runtime-is-set-up: pyproject.toml | $(BIN)/python
	@echo "Installing InCab into $(VENV): about 250 MB, once."
	@test -t 1 || quiet=--quiet; $(BIN)/python -m pip install $$quiet --editable .
	@touch $@

$(VENV)/.development-is-set-up: pyproject.toml | $(BIN)/python
	@echo "Installing InCab with PyTorch and the development tools into $(VENV): takes minutes, once."
	@test -t 1 || quiet=--quiet; $(BIN)/python -m pip install $$quiet --editable '.[train,dev]'
	@touch $(VENV)/.runtime-is-set-up $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "InCab needs Python 3.11 or newer, and '$(PYTHON)' is not: install one," \
	        "then name it with PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "'$(PYTHON)' has no venv module: on Debian and Ubuntu install it with" \
	        "'sudo apt-get install python3-venv', then run make again." >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)

libraries: | $(BIN)/python
	@PYTHON="$(BIN)/python" sh .ci/system_libraries.sh
