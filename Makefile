# How Ringcast is set up, built, run and checked. `make` alone lists the targets.
# Everything that is downloaded for the build goes to ~/.cache/ringcast (or $XDG_CACHE_HOME/ringcast).

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/ringcast
export PATH := $(CACHE)/bin:$(CACHE)/cargo-deny-0.20.2/bin:$(HOME)/.cargo/bin:$(PATH)

WEB := crates/node/web
WEB_SOURCES := $(shell git ls-files --cached --others --exclude-standard $(WEB) 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help setup setup-tests web build run test test-all lint bench clean-media

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## get what a build needs: system packages, node, cargo
	@.cargo/setup build

setup-tests:
	@.cargo/setup test

web: setup $(WEB)/dist/index.html ## build the page that the binary embeds

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	npm --prefix $(WEB) ci --no-audit --no-fund

$(WEB)/dist/index.html: $(WEB)/node_modules/.package-lock.json $(WEB_SOURCES)
	npm --prefix $(WEB) run build

build: web ## build the ringcast binary (the first time takes minutes: the mediasoup worker)
	cargo build --release -p node

run: web ## build and run one node: http://localhost:3000 (ARGS="--port 8080" passes flags)
	cargo run --release -p node -- $(ARGS)

test: setup-tests ## every check and test that fits in 45 minutes on 2 cores
	@tests/run

test-all: setup-tests ## the same and the long tests
	@tests/run --all

lint: setup-tests ## formatting, clippy, documentation, dependencies
	@tests/run lock fmt clippy clippy-media doc deny page

bench: build ## run the benchmarks; their tables are printed, their JSON goes to target/bench
	RINGCAST_BIN=$(CURDIR)/target/release/ringcast cargo bench -p benches

clean-media: ## forget the worker's build: after a change of .cargo/mediasoup, MEDIASOUP_DEPS or Debian's libraries
	cargo clean --release -p mediasoup-sys -p media
	cargo clean -p mediasoup-sys -p media
