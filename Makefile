# Every flow a person starts. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3,$(shell command -v $(p) 2>/dev/null)))
BIN := .venv/bin
PORT ?= 3000
MLFLOW_PORT ?= 5000
export TRADEPULSE_HOME ?= $(CURDIR)/var
# Third parties that would otherwise phone home or chat on stderr.
export MLFLOW_DISABLE_TELEMETRY := true
export GX_ANALYTICS_ENABLED := false
export DAGSTER_DISABLE_TELEMETRY := true
export RAY_USAGE_STATS_ENABLED := 0
# What the gate of coverage is for; measuring it takes twice the time, so that the rest goes without, and so do the
# thousands of deaths and sequences that reach nothing which the others do not.
GATED := tests/core tests/execution tests/property
DEATHS := $(addprefix tests/execution/test_, crash_points.py mutants.py native.py process.py) tests/property/test_order_path.py
OTHERS := $(filter-out $(GATED:%=%/), $(wildcard tests/*/)) $(DEATHS)

.PHONY: help setup run ui viewer mlflow test coverage proofs lint lint-fix data-quality bench-data bench-indicators build-native bench-backtest bench-books bench-orders bench-finops lock sbom docs-reference clean

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
# Compiled here: where PYTHONDONTWRITEBYTECODE is set, as in many containers, every import would compile it anew.
	@VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

lock: .venv/.ready  ## resolve the dependencies anew and write requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra alpaca --extra ccxt --extra yahoo --extra release --extra postgres --extra ray --extra kubernetes --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --python-version 3.11 --upgrade --quiet --output-file requirements.lock

run: setup  ## the whole chain on the embedded real data; ends with a summary and a report
	@$(BIN)/python -m tradepulse_jobs.line

ui: setup  ## the Dagster UI on what make run did, on loopback (PORT=3000)
	@$(BIN)/python -m tradepulse_jobs.line --prepare
	@echo "Dagster on http://127.0.0.1:$(PORT), in about 15 s. Stop it with Ctrl-C."
	@DAGSTER_HOME="$$TRADEPULSE_HOME/dagster" exec $(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1 -p $(PORT)

viewer: setup  ## the same UI for those who look and start nothing (PORT=3000)
	@$(BIN)/python -m tradepulse_jobs.line --prepare
	@echo "Dagster, read-only, on http://127.0.0.1:$(PORT), in about 10 s. Stop it with Ctrl-C."
	@DAGSTER_HOME="$$TRADEPULSE_HOME/dagster" exec $(BIN)/dagster-webserver --read-only -w workspace.yaml -h 127.0.0.1 -p $(PORT)

mlflow: setup  ## the MLflow UI on the same instance, on loopback (MLFLOW_PORT=5000)
	@echo "MLflow on http://127.0.0.1:$(MLFLOW_PORT), in about 10 s. Stop it with Ctrl-C."
	@exec $(BIN)/mlflow server --backend-store-uri "sqlite:///$$TRADEPULSE_HOME/mlflow/mlflow.db" --host 127.0.0.1 --port $(MLFLOW_PORT) --workers 1

test: setup lint  ## lint, types, architecture and the whole suite, with the gate of coverage on core and execution
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not long" $(GATED) $(DEATHS:%=--ignore=%) --cov --cov-report=
	@$(BIN)/coverage report --include='tradepulse/core/*,tradepulse/execution/*' --fail-under=90 --precision=1
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder -m "not long" $(OTHERS)
	@$(BIN)/python -c 'from time import perf_counter as now; t = now(); import tradepulse_jobs.definitions; print(f"Definitions load in {now() - t:.1f} s")'

coverage: setup  ## how much of everything the whole suite reaches; slower than make test
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m "not long" --cov --cov-report=
	@$(BIN)/coverage report --precision=1

proofs: setup  ## what make test runs in a shorter version: thousands of deaths, sequences and cards, eight runs at once (ten minutes)
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m long tests
	@CRASH_POINTS=5000 MACHINE_RUNS=3000 REFERENCE_CARDS=20000 $(BIN)/python -m pytest -n 2 tests/execution/test_crash_points.py tests/execution/test_reference.py tests/property/test_order_path.py -m "not long"

lint: setup  ## format, lint, types, import directions
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted: make lint-fix" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >.venv/imports.txt || { cat .venv/imports.txt; exit 1; }

lint-fix: setup  ## format, and mend what can be mended
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix .

data-quality: setup  ## golden sets, and the checks themselves measured: reports in reports/data_quality (a minute)
	@$(BIN)/tradepulse_cli golden compare
	@CLEAN_RESAMPLES=500 $(BIN)/python -m pytest -q -n 2 --dist loadgroup -p no:cacheprovider tests/quality
	@cat reports/data_quality/checks.json

bench-data: setup  ## bars from 50 M trades beside the bare query, row rules over 1 M bars: reports/performance/data.md
	@$(BIN)/python -m scripts.bench_data

bench-indicators: setup  ## indicators beside TA-Lib, pandas and others, on one core: reports/performance/indicators.md
	@$(BIN)/python -W ignore -m scripts.bench_indicators

bench-backtest: setup  ## backtest engines beside others; PEERS=python of an environment that has them: reports/performance/backtest.md
	@$(BIN)/python -W ignore -m scripts.bench_backtest

bench-finops: setup  ## the cost roll-up of 50 M lines beside the bare query: reports/performance/finops.md
	@$(BIN)/python -m scripts.bench_finops

build-native: setup  ## compile the order path with mypyc, if there is a C compiler; nothing needs it
	@$(BIN)/python -m scripts.build_native

bench-books: setup  ## quoting strategies on a level-2 book beside hftbacktest; PEERS=python of an environment that has it: reports/performance/books.md
	@$(BIN)/python -m scripts.bench_books

bench-orders: setup  ## the order path beside nautilus_trader; PEERS=python of an environment that has it: reports/performance/orders.md
	@TRADEPULSE_NATIVE=off $(BIN)/python -m scripts.bench_orders

docs-reference: setup  ## rewrite what is derived from the tables' declarations and the lock
	@$(BIN)/python -m scripts.build_reference

sbom: setup  ## the software bill of materials of the environment (syft), in reports/release
	@$(BIN)/dagster job execute -m tradepulse_jobs.definitions -j release >/dev/null 2>&1 && ls -1 reports/release/sbom.cdx.json

clean:  ## remove the environment and everything that was made; asks first
	@read -r -p "Remove .venv, $$TRADEPULSE_HOME and reports? [y/N] " yes && [ "$$yes" = y ]
	@rm -rf .venv reports "$$TRADEPULSE_HOME" tradepulse/execution/_native
