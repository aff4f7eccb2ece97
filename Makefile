# Every target sets itself up: it needs Python 3.11 to 3.13 with venv, and make; it installs nothing outside .venv.

SHELL := /bin/sh
ARGS ?=
BIN := .venv/bin
RUN := $(BIN)/python -Im

# Any Python of the last years can start the set-up, which then looks for the newest that will do.
SETUP := for each in python3 python3.13 python3.12 python3.11; do \
	if $$each -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then break; fi; each=; done; \
	if [ -z "$$each" ]; then echo 'setup: failed: found no Python; crossply needs 3.11 to 3.13' >&2; exit 1; fi; \
	$$each scripts/setup.py

# Three sets of pins in one environment: what a running mesh needs, that and all the tools, and that and what the
# benchmarks compare with.
RUNTIME := .venv/.runtime
TOOLS := .venv/.tools
BENCH := .venv/.bench
OLDEST := .venv/nats-oldest
INPUTS := constraints.txt pyproject.toml scripts/setup.py

.PHONY: help demo test soak check format bench constraints clean

help:
	@echo 'make demo         a mesh with a shop on this machine; ARGS="--for 20 -o json" goes to crossply up --demo'
	@echo 'make test         every test but the long ones; ARGS="-k retry" goes to pytest'
	@echo 'make soak         the tests that take more than 20 seconds'
	@echo 'make check        format, lint, types and the direction of imports'
	@echo 'make format       format the code and mend what the linter can mend'
	@echo 'make bench        every benchmark, each printing a ratio; ARGS="--peers all --rounds 3" goes to the one of calls'
	@echo 'make constraints  pin every dependency anew; ARGS=--upgrade takes the newest versions'
	@echo 'make clean        remove .venv, builds and caches; the data in .crossply stays'

$(TOOLS): $(INPUTS)
	@$(SETUP) constraints.txt
	@touch $(TOOLS) $(RUNTIME)

$(RUNTIME): constraints/demo.txt $(INPUTS)
	@$(SETUP) constraints/demo.txt
	@touch $(RUNTIME)

$(BENCH): constraints/bench.txt $(INPUTS)
	@$(SETUP) constraints/bench.txt
	@touch $(BENCH) $(RUNTIME)

# The oldest nats-py that the project supports stands beside the newest, for the tests that run on it.
$(OLDEST): constraints/nats-oldest.txt $(TOOLS)
	@$(BIN)/python -I scripts/setup.py constraints/nats-oldest.txt $(OLDEST)
	@touch $(OLDEST)

demo: $(RUNTIME)
	@$(BIN)/crossply up --demo $(ARGS)

test: $(TOOLS) $(OLDEST)
	@$(RUN) pytest -q --durations=15 -m 'not soak' $(ARGS)

# pytest says 5 when nothing is marked; that is no failure, and the run itself would only say that it ran nothing.
soak: $(TOOLS)
	@$(RUN) pytest -q --collect-only -m soak $(ARGS) >/dev/null 2>&1; code=$$?; \
	if [ $$code -eq 5 ]; then echo 'soak: no test is marked soak'; \
	else $(RUN) pytest -q --durations=15 -m soak $(ARGS); fi

check: $(TOOLS)
	@echo 'check: format' && $(RUN) ruff format --check .
	@echo 'check: lint' && $(RUN) ruff check .
	@echo 'check: mypy' && $(RUN) mypy
	@echo 'check: pyright' && $(RUN) basedpyright
	@echo 'check: imports' && $(BIN)/lint-imports --no-logo

format: $(TOOLS)
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

bench: $(BENCH)
	@echo 'bench: import' && $(BIN)/python -I benchmarks/import_time.py
	@echo 'bench: layers' && $(BIN)/python -I benchmarks/layers.py
	@echo 'bench: sealing' && $(BIN)/python -I benchmarks/sealing.py
	@echo 'bench: calls' && $(BIN)/python -I benchmarks/calls.py $(ARGS)

# The subsets take their versions from constraints.txt: build is the build backend, demo what `make demo` runs, bench
# that and the peers of the benchmarks, which alone are pinned there, nats-oldest the lower bound of nats-py; the others
# are what each image holds. No index, path or command is written into any of them.
PIN := $(BIN)/uv pip compile -q --no-config --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header
SUBSET := $(PIN) -c constraints.txt
EXTRAS := --extra cli --extra uvloop --extra otlp

constraints: $(TOOLS)
	@$(PIN) $(ARGS) pyproject.toml --all-extras --group test --group check --group pin -o constraints.txt
	@$(SUBSET) --group build -o constraints/build.txt
	@$(SUBSET) pyproject.toml --all-extras --group build -o constraints/demo.txt
	@$(SUBSET) $(ARGS) pyproject.toml --all-extras --group build --group bench -o constraints/bench.txt
	@$(SUBSET) pyproject.toml --extra registry $(EXTRAS) -o constraints/registry.txt
	@$(SUBSET) pyproject.toml --extra bridge $(EXTRAS) -o constraints/bridge.txt
	@$(SUBSET) pyproject.toml $(EXTRAS) -o constraints/service.txt
	@sed -n 's/^ *"\(nats-py>=[0-9.]*\).*/\1/p' pyproject.toml | \
		$(PIN) --no-deps --resolution lowest - -o constraints/nats-oldest.txt
	@echo 'constraints: written; the next target installs them'

clean:
	@rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name .git -prune -o -name __pycache__ -type d -exec rm -rf {} +
