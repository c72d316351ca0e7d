# branchline: `make` lists what there is. Every target installs what it needs, and says so.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# npm's scripts put node_modules/.bin first on the PATH, and with it the pinned Node 24; so does this.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

KERNELS ?= 6.1 6.12
DATAPATH ?= direct
VITEST := node node_modules/vitest/vitest.mjs run
REPORTS := .cache/reports
SOURCES := $(shell find cmd src -name '*.ts' -not -name '*.test.ts') build.mjs $(wildcard build/*) package-lock.json

.PHONY: help build check fuzz test test-kernel test-smp test-runtime test-chaos chaos demo demo-plan bench bench-floor clean packages guest

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

node_modules/.package-lock.json: package.json package-lock.json .npmrc
	@echo "installing the packages of package-lock.json from the npm registry"
	npm ci --no-audit --no-fund --loglevel=error
	touch $@

build: dist/branchline ## Build dist/branchline

dist/branchline: node_modules/.package-lock.json $(SOURCES)
	@test/setup/packages.sh build
	node build.mjs

check: node_modules/.package-lock.json ## Types, lint, format, import direction, unit tests
	tsc --noEmit -p .
	oxlint --type-aware
	prettier --check .
	node build.mjs --check
	@mkdir -p $(REPORTS)
	$(VITEST) --project unit --reporter=default --reporter=json --outputFile.json=$(REPORTS)/unit.json

fuzz: build packages ## Property-based tests, longer than the others run them (RUNS=20000 SEED=)
	FUZZ_RUNS=$(or $(RUNS),20000) $(if $(SEED),FUZZ_SEED=$(SEED)) $(VITEST) --project unit --project binary fuzz

packages:
	@test/setup/packages.sh build net

guest: packages
	@test/setup/packages.sh vm
	@test/setup/kernels.sh $(KERNELS)
	@test/setup/cnitool.sh

test-binary: build packages
	@mkdir -p $(REPORTS)
	$(VITEST) --project binary --reporter=default --reporter=json --outputFile.json=$(REPORTS)/binary.json

test-harness: node_modules/.package-lock.json guest
	@mkdir -p $(REPORTS)
	$(VITEST) --project harness --reporter=default --reporter=json --outputFile.json=$(REPORTS)/harness.json

ifeq ($(NATIVE),1)
test-kernel: build packages ## The kernel suite in each kernel's guest (KERNELS="6.1 6.12"), or on this host's (NATIVE=1)
	@test/setup/cnitool.sh
	node test/vm/run-suite.ts --native

test-smp: build packages
	@test/setup/cnitool.sh
	node test/vm/run-suite.ts --project smp --native

test-chaos: build packages
	node test/vm/run-suite.ts --project chaos --native
else
test-kernel: build guest
	node test/vm/run-suite.ts --at-once --timeout 2400 $(addprefix --kernel ,$(KERNELS))

test-smp: build guest ## Many calls at the same time, in each kernel's guest with two processors
	node test/vm/run-suite.ts --project smp --cpus 2 --timeout 900 $(addprefix --kernel ,$(KERNELS))

test-chaos: build guest ## 500 rounds of chaos in each kernel's guest, and whether it finds a defect
	node test/vm/run-suite.ts --project chaos --at-once --timeout 1800 $(addprefix --kernel ,$(KERNELS))
endif

test-runtime: build guest ## Pods by containerd and runc, in each kernel's guest (KERNELS="6.1 6.12")
	@test/setup/packages.sh runtime
	node test/vm/run-suite.ts --project runtime --at-once --timeout 1800 $(addprefix --kernel ,$(KERNELS))

# One that fails does not keep the others from being seen: each guest takes minutes.
SUITES := check test-binary test-harness test-kernel test-smp test-runtime test-chaos
IN_GUESTS := $(foreach suite,kernel smp runtime chaos,$(addprefix $(suite)-,$(KERNELS)))

test: ## Everything: check, the executable, the harness; in both kernels the kernel suite, containerd, chaos
	@rm -rf $(REPORTS)
	@status=0; for suite in $(SUITES); do $(MAKE) $$suite || status=1; done; \
	node test/summary.ts unit binary harness $(IN_GUESTS) || status=1; \
	exit $$status

# Four seconds for a round are enough where others are at work too.
chaos: KERNELS := $(or $(KERNEL),6.12)
chaos: ROUNDS := $(or $(ROUNDS),500)
chaos: build guest ## A random sequence of calls, kills and accidents (SEED= ROUNDS=500 KERNEL=6.12, or REPLAY=file)
	@echo "booting Linux $(firstword $(KERNELS)) in QEMU: some 10 s; what fails leaves its sequence in .cache/chaos"
	node test/vm/exec.ts --kernel $(firstword $(KERNELS)) --timeout $$((1800 + 4 * $(ROUNDS))) --out .cache/chaos -- \
	  node test/chaos/main.ts --out /run/out --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED)) $(if $(REPLAY),--replay $(abspath $(REPLAY)))

DEMO := node test/demo/demo.ts --datapath $(DATAPATH) $(if $(MODE),--mode $(MODE))

# Says what is expected, or that there is no such datapath or mode, before anything is installed or booted.
demo-plan: node_modules/.package-lock.json
	@$(DEMO) --plan

demo: KERNELS := $(or $(KERNEL),6.12)
demo: demo-plan build guest ## Groups that decide who reaches a real PostgreSQL, in a guest (DATAPATH=direct MODE= KERNEL=6.12)
	@test/setup/packages.sh demo
	@echo "booting Linux $(firstword $(KERNELS)) in QEMU: some 10 s"
	node test/vm/exec.ts --kernel $(firstword $(KERNELS)) -- $(DEMO)

dist/floor: dist/branchline $(wildcard test/ground/macvlan/*)
	node build.mjs --bench

bench: dist/floor guest ## Start-up, ADD and DEL, scale, traffic: bench/results/latest.json (ROUNDS=30 PART=native or guest)
	@test/setup/packages.sh bench
	node bench/run.ts --rounds $(or $(ROUNDS),30) --kernel $(or $(KERNEL),6.12) --part $(or $(PART),both)

bench-floor: dist/floor ## What lowers the start of the runtime itself, and what does not (ROUNDS=40)
	node bench/floor.mjs $(or $(ROUNDS),40)

clean: ## Remove what was built and fetched
	rm -rf dist .cache node_modules
