# Every flow a person starts. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3,$(shell command -v $(p) 2>/dev/null)))
BIN := .venv/bin
export TRADEPULSE_HOME ?= $(CURDIR)/var
# Third parties that would otherwise phone home or chat on stderr.
export MLFLOW_DISABLE_TELEMETRY := true
export GX_ANALYTICS_ENABLED := false
export DAGSTER_DISABLE_TELEMETRY := true

.PHONY: help setup run ui test lint lint-fix typecheck coverage data-quality lock sbom docs-reference clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

setup: .venv/.ready  ## build the environment in .venv from the lock

# uv itself comes from PyPI, checked against its hash in the lock, and installs the rest.
.venv/.ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No python3.11 found: install Python 3.11, or name one with make PYTHON=/path/to/python." >&2; exit 2; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || { echo "$(PYTHON) is not Python 3.11 to 3.13: name one with make PYTHON=/path/to/python." >&2; exit 2; }
	@echo "Building .venv from requirements.lock"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	@test -x $(BIN)/uv || { \
	  awk '/^uv==/{f=1} f{print} f && !/\\$$/{exit}' requirements.lock > .venv/uv.lock.txt; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock.txt; }
	@VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

lock: .venv/.ready  ## resolve the dependencies anew and write requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra release --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --python-version 3.11 --upgrade --quiet --output-file requirements.lock
