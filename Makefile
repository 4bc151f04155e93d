# The commands of Waypost's developers and of its CI. `make` alone lists them.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
UV     := uv==0.13.9

COMPILE := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

# Seconds are short: tests wait more than they work, so three run on two cores; a file stays with one.
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadfile

# What the drills draw from chance; printed, so that it can be drawn again.
CHAOS_SEED ?= $(shell date +%s)

.DEFAULT_GOAL := help
.PHONY: help install demo up test lint format bench chaos wheel lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.developer ## .venv with everything a developer needs

demo: $(VENV)/.operator ## the whole system on simulated providers; ONCE=1 ends when all has arrived
	@$(BIN)/waypost demo $(if $(ONCE),--once) $(ARGS)

up: $(VENV)/.operator ## ingress, worker, api and an embedded Valkey on this machine; ARGS="--workers 4"
	@$(BIN)/waypost up $(ARGS)

test: $(VENV)/.developer ## the suite; tests whose tool is missing are left out and named at the end
	@$(PYTEST) $(ARGS)

lint: $(VENV)/.developer ## ruff, mypy strict, import contracts
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@PYTHONPATH=. $(BIN)/lint-imports --no-logo

format: $(VENV)/.developer ## lay out the code and sort the imports
	@$(BIN)/ruff check --select I --fix --quiet
	@$(BIN)/ruff format

bench: $(VENV)/.developer ## Waypost beside its peers; ARGS="accept worker", ARGS=--quick
	@$(BIN)/python -m bench $(ARGS)

chaos: $(VENV)/.developer ## kills, power cuts, bad lines, a million schedules: long, with its counts; CHAOS_SEED=n repeats one
	@CHAOS_SEED=$(CHAOS_SEED) $(BIN)/python -m pytest -m chaos --hypothesis-profile=deep --hypothesis-seed=$(CHAOS_SEED) $(ARGS)

wheel: $(VENV)/.operator ## dist/waypost-*.whl
	@rm -rf dist
	@$(BIN)/python -m hatchling build -t wheel -d dist

lock: $(VENV)/.python ## resolve the dependencies anew: names, versions and hashes
	@$(PIP) install -qq $(UV)
	@$(call lock,requirements.lock,--extra fast)
	@$(call lock,requirements-dev.lock,--extra fast --extra dev --constraint requirements.lock)
	@$(BIN)/uv pip compile $(COMPILE) bench/requirements.in --output-file bench/requirements.lock

clean: ## remove .venv, caches and builds; data folders stay
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# hatchling is locked too, so that our own package builds from nothing that is not in the lock.
define lock
$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['build-system']['requires'], sep='\n')" \
  | $(BIN)/uv pip compile $(COMPILE) $(2) pyproject.toml - --output-file $(1)
endef

# ── .venv: a stamp per set of dependencies, so that a warm one costs nothing ──

$(VENV)/.python:
	@command -v $(PYTHON) >/dev/null || { echo "Waypost needs Python 3.11 or newer; found no '$(PYTHON)'. Fix: make PYTHON=/path/to/python3.11 …"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Waypost needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version). Fix: make PYTHON=/path/to/python3.11 …"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "This Python cannot make a virtual environment. Fix: apt-get install python3-venv (or your system's package of that name)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.operator: requirements.lock pyproject.toml | $(VENV)/.python
	@echo "Installing what Waypost runs on …"
	@$(PIP) install -qq --require-hashes -r requirements.lock
	@$(PIP) install -qq --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.developer: requirements-dev.lock $(VENV)/.operator
	@echo "Installing what Waypost is built with …"
	@$(PIP) install -qq --require-hashes -r requirements-dev.lock
	@touch $@
