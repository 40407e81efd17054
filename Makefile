# `make` lists the targets. Everything runs in .venv, which the first of them makes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test test-fast check format reference lint types audit bench soak
MINUTES ?= 30
JOBS ?= 4

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/pyvenv.cfg:
	$(PYTHON) -m venv $(VENV)

# A tenth of what the tests need, so that the first look at it comes soon.
$(VENV)/demo: pyproject.toml constraints.txt | $(VENV)/pyvenv.cfg
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[demo]'
	@touch $@

$(VENV)/ready: pyproject.toml constraints.txt | $(VENV)/pyvenv.cfg
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(VENV)/demo $@

run: $(VENV)/demo ## Serve the sample datasets on 127.0.0.1:8000
	$(BIN)/exporter demo

test: $(VENV)/ready ## Run the tests, on a real PostgreSQL, in JOBS=4 processes
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadscope --no-loadscope-reorder

test-fast: $(VENV)/ready ## Run the tests that need no server, in some seconds
	$(BIN)/pytest --numprocesses $(JOBS) --hypothesis-profile fast -m 'not server' tests/unit tests/contract

check: lint types audit test ## Do all that CI does

format: $(VENV)/ready reference ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

reference: $(VENV)/ready ## Write the parts of docs/ that are made from code
	$(BIN)/python .ci/reference.py

lint: $(VENV)/ready ## Check style, and that the packages depend in one direction
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(VENV)/ready ## Check types
	$(BIN)/mypy

# ruff's S rules, which `make lint` applies, are bandit's.
audit: $(VENV)/ready ## Ask whether a pinned package has a known vulnerability
	$(BIN)/python .ci/audit.py

bench: $(VENV)/ready ## Measure against what people use now; writes benchmarks/results/
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench,demo]'
	$(BIN)/python -m benchmarks

soak: $(VENV)/ready ## Load and kill it for MINUTES=30, and see that nothing grows and no body is wrong
	$(BIN)/python -m benchmarks.chaos.soak --minutes $(MINUTES)
