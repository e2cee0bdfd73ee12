# The verbs of this project. `make` alone lists them; every verb that needs the environment makes it first.

SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin

# Paths of people's own: taken as they stand ($$ and spaces included) and quoted by the shell.
export FOLDER_AS_GIVEN := $(value FOLDER)
export OUT_AS_GIVEN := $(value OUT)
export PYTHON

# Evaluation data beside the checkout, unless the environment names another place.
ifndef RUSHES_TEST_DATA
ifneq ($(wildcard ../shared/data/.),)
export RUSHES_TEST_DATA := $(realpath ../shared/data)
endif
endif

.PHONY: help setup demo run fmt check test bench contracts clean

help:  ## List the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## Make .venv from requirements.lock (the other verbs do it for you)
	@scripts/setup.sh

demo: setup  ## See footage become scenes and people, in one process, without services (ARGS="--help" for more)
	@$(BIN)/rushes demo $(ARGS)

run: setup  ## Sort your own files: make run FOLDER=/path/to/media [OUT=/path/for/results]
	@test -n "$$FOLDER_AS_GIVEN" || { echo 'Which files? make run FOLDER=/path/to/media [OUT=/path/for/results]' >&2; exit 2; }
	@$(BIN)/rushes run "$$FOLDER_AS_GIVEN" $${OUT_AS_GIVEN:+--out "$$OUT_AS_GIVEN"} $(ARGS)

fmt: setup  ## Format the code and apply safe fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

check: setup  ## Format, lint, types, layers, and drift of the contract documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m rushes.streams.contracts --check

test: setup  ## Run the tests; what is missing here is named (ARGS="-k name", or a path, to choose)
	@scripts/test.sh $(ARGS)

bench: setup  ## Run every benchmark, quickly (ARGS="--full" as published: hours; ARGS="--only store" for one)
	@$(BIN)/python benchmarks/run_all.py $(ARGS)

contracts: setup  ## Write docs/contracts from the code
	@$(BIN)/python -m rushes.streams.contracts

clean:  ## Remove caches and build products; .venv and your results stay
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	@find rushes tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo 'Removed caches. To remove the environment too: rm -rf .venv .cache'
