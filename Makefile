# make demo   the whole system with real devices, on this machine
# make page   the page that the server carries
# make test   every check, as CI runs it
# make bench  what it costs, beside other systems
# make help   the rest

.DEFAULT_GOAL := help
.PHONY: help demo page test test-page bench counts fmt lint doc clean tools

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: tools page ## build, play a scripted week with real devices, and keep serving (Ctrl-C ends it)
	cargo run --bin renolog -- demo

page: tools ## build the page that the server carries, client-core for browsers included
	@scripts/page

test: tools ## formatting, lints and every test, stories in a real Chromium included
	@scripts/test

test-page: tools ## of these, what is about the page: types, stories in a real Chromium, the API asked at random
	@scripts/browser-tests
	@scripts/fuzz-api

bench: tools ## measure beside automerge-repo and Hocuspocus, into tests/bench/RESULTS.md; ROW=reconnect for one row
	@scripts/bench $(ROW)

counts: tools ## instructions that the hot paths take, one by one, counted by callgrind
	@scripts/counts

fmt: tools ## format the code
	cargo fmt --all

lint: tools ## lints only
	cargo clippy --workspace --all-targets -- -D warnings

doc: tools ## the documentation, under target/doc
	cargo doc --workspace --no-deps

clean: ## remove what was built
	cargo clean

tools:
	@scripts/tools
