# Everything a person types. `make` alone prints what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input install --quiet --no-compile
# Compiled once: without it every process of the tests compiles the whole hub again.
unexport PYTHONDONTWRITEBYTECODE

PYTEST := $(PY) -m pytest
CODE := hub adapters fixtures benchmarks tests
WORKERS ?= 2

# What `make test` covers beyond `make quick`, and CI beyond `make test`.
NOT_SLOW := not slow
QUICK := not slow and not browser and not quick_skip

.PHONY: help run demo-fresh test slow quick check format lock openapi reference clean setup setup-test

help: ## print this list
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## start the demonstration region and stay up; Ctrl-C ends it
	@exec $(VENV)/bin/onecard demo

demo-fresh: setup ## the same, from empty tables
	@exec $(VENV)/bin/onecard demo --fresh

test: setup-test prerequisites ## the whole suite but the tests marked slow
	$(PYTEST) -m "$(NOT_SLOW)" -n $(WORKERS)

slow: setup-test prerequisites ## the tests marked slow
	$(PYTEST) -m slow

quick: setup-test ## what runs without a browser, in under a minute
	$(PYTEST) -m "$(QUICK)" -n $(WORKERS)

check: setup-test ## format, lint, types, room order, quick tests: green before every commit
	$(VENV)/bin/ruff format --check $(CODE)
	$(VENV)/bin/ruff check $(CODE)
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	@$(MAKE) --no-print-directory quick

format: setup-test ## write the code the way `make check` wants it
	$(VENV)/bin/ruff format $(CODE)
	$(VENV)/bin/ruff check --fix $(CODE)

openapi: setup ## write openapi/ anew from what the app offers
	$(PY) -m adapters.api.openapi

reference: setup ## write docs/reference/ anew from the tables of the national interface
	$(PY) -m adapters.nhsa.reference

lock: requirements/lock.lock ## resolve the locks anew from requirements/*.in
	@scripts/lock

setup: $(VENV)/.run ## make .venv with what the hub needs to run
setup-test: $(VENV)/.test ## and with what the tests need

$(VENV)/.python: scripts/find-python
	python=$$(scripts/find-python) && $$python -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python requirements/build.lock requirements/run.lock pyproject.toml
	@echo "installing what the hub needs into $(VENV) ..."
	$(PIP) --require-hashes -r requirements/build.lock
	$(PIP) --require-hashes -r requirements/run.lock
	$(PIP) --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run requirements/test.lock
	@echo "installing what the tests need into $(VENV) ..."
	$(PIP) --require-hashes -r requirements/test.lock
	@touch $@

.PHONY: prerequisites
prerequisites:
	@scripts/need-package chromium fonts-noto-cjk

clean: ## remove .venv and caches; the region's data stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist *.egg-info
