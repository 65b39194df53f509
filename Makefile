# Needs only python3 (3.11 or newer) and make. The first call makes .venv; later ones are instant.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test check format lint types contracts bench bench-offers bench-tills bench-mail scale fit-capacity load crash crash-tills drills drill-erasure fuzz audit evaluate lock clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(INSTALLED) ## Make the environment in .venv

$(INSTALLED): requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

demo: $(INSTALLED) ## Prepare, train and serve the demo on real purchases
	$(BIN)/recommender demo

test: $(INSTALLED) ## All tests (real Valkey, SQLite and PostgreSQL)
	OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 $(BIN)/pytest -n 2

check: $(INSTALLED) format lint types contracts test ## Format, lint, types, import contracts, tests

format: $(INSTALLED) ## Is the code formatted?
	$(BIN)/ruff format --check .

lint: $(INSTALLED) ## Lint
	$(BIN)/ruff check .

types: $(INSTALLED) ## Types, strict
	$(BIN)/basedpyright

contracts: $(INSTALLED) ## The arrows between the packages
	$(BIN)/lint-imports

bench: $(INSTALLED) ## Requests per second, latency, and microseconds per stage
	$(BIN)/python -m loadtests.bench
	$(BIN)/python -m loadtests.live_bytes

bench-offers: $(INSTALLED) ## The in-aisle call with a reserved coupon at 100 a second, and its stages (needs `make demo` once)
	$(BIN)/python -m loadtests.offers

bench-tills: $(INSTALLED) ## Coupons issued and redeemed per second, on SQLite and PostgreSQL
	$(BIN)/python -m loadtests.tills

bench-mail: $(INSTALLED) ## Product blocks of mails: recipients a second, and how long a call of 100 takes (needs `make demo` once)
	$(BIN)/python -m loadtests.mail

scale: $(INSTALLED) ## What a shop of ITEMS, SHOPPERS and ROWS lines of orders costs on this machine, from files to answers
	$(BIN)/python -m loadtests.scale

fit-capacity: $(INSTALLED) ## Coefficients of `recommender capacity`, and its plots, from loadtests/measured/scale.jsonl
	$(BIN)/python -m loadtests.fit_capacity

load: $(INSTALLED) ## Load a copy of the demo by PROFILE=steady|spike|day|cold-start|artifact-swap|soak|redis-down (RATE=, SECONDS=)
	$(BIN)/python -m loadtests.load $(or $(PROFILE),steady) $(if $(RATE),--rate $(RATE)) $(if $(SECONDS),--seconds $(SECONDS))

crash: $(INSTALLED) ## Five minutes of events under load while processes are killed at random
	CRASH_SECONDS=$${CRASH_SECONDS:-300} $(BIN)/pytest -s --timeout=0 tests/integration/serve/test_crash.py

crash-tills: $(INSTALLED) ## Kill service and database at every step of every call of a till, then at random under load
	CRASH_SECONDS=$${CRASH_SECONDS:-120} $(BIN)/pytest -s --timeout=0 tests/integration/tills

drills: $(INSTALLED) ## Pull plugs on the running service and check what each caller gets (DRILL=redis-gone for one)
	$(BIN)/python -W ignore -m loadtests.drills $(DRILL)

fuzz: $(INSTALLED) ## Call every route with what its description allows and forbids, and fuzz the rule language, for long
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-300} $(BIN)/pytest --timeout=0 tests/interface/test_fuzz.py tests/interface/test_rule_fuzz.py

audit: $(INSTALLED) ## Look up the pinned dependencies in the database of known vulnerabilities (needs the network)
	$(BIN)/uv tool run pip-audit --disable-pip --require-hashes -r requirements-dev.lock

drill-erasure: $(INSTALLED) ## Erase a shopper, search every file, table and key, print the receipt
	$(BIN)/pytest -s --timeout=0 tests/integration/privacy/test_erasure_drill.py

evaluate: $(INSTALLED) ## Quality on the last four weeks of real purchases, beside every baseline
	$(BIN)/recommender evaluate

lock: $(INSTALLED) ## Pin the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --generate-hashes pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes pyproject.toml --extra demo -c requirements.lock -o requirements-demo.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes pyproject.toml --extra demo --group dev -c requirements.lock -o requirements-dev.lock

clean: ## Remove the environment and the demo's data
	rm -rf .venv data
