# make demo: from a clone to a verdict.   make test: everything that must hold.   make help: the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALLED := $(VENV)/.installed
DEV := $(VENV)/.installed-dev

.PHONY: help demo install test lint bench clean

help:  ## List these targets.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-8s %s\n", $$1, $$2}'

demo: $(INSTALLED)  ## Install, then run the quickstart to its verdict (any verdict is a success).
	@$(BIN)/harness run experiments/quickstart.yaml; status=$$?; case $$status in 0|3|4) ;; *) exit $$status;; esac

install: $(DEV)  ## Everything, development tools included, into .venv.

test: $(DEV)  ## The whole test suite, in two processes of one thread each.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(DEV)  ## Style, types and the import map.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(DEV)  ## Benchmarks, or one group (BENCH=search); more than an hour, with nothing else going on.
	$(BIN)/python tests/benchmarks $(BENCH)

clean:  ## Remove the environment and all results of runs; kept: which test items were used, and paid answers (rm .harness/answers.sqlite).
	[ ! -d .harness ] || find .harness -mindepth 1 -maxdepth 1 ! -name 'answers.sqlite*' -exec rm -rf {} +
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -f reports/*/report.html reports/*/report.md reports/*/report.json

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed. Fix: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing. Fix: apt install python3-venv"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): pyproject.toml constraints.txt tasks/sample-packages.txt | $(VENV)/bin/python
	$(PIP) install -q -c constraints.txt -e .
	$(PIP) install -q --no-deps --require-hashes -r tasks/sample-packages.txt
	@touch $@

$(DEV): $(INSTALLED)
	$(PIP) install -q -c constraints.txt -e '.[dev]'
	@touch $@
