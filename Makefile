# branchline: `make` lists what there is. Every target installs what it needs, and says so.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# npm's scripts put node_modules/.bin first on the PATH, and with it the pinned Node 24; so does this.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

KERNELS ?= 6.1 6.12
DATAPATH ?= direct
KUBERNETES := etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl helm
# What tests run on kernels without 8021q: of the runtime that is asked for.
MACVLAN := dist/$(if $(filter-out node,$(RUNTIME)),$(RUNTIME)/)macvlan/branchline
VITEST := node node_modules/vitest/vitest.mjs run
ARCH ?= amd64
RUNTIME ?= node
SOURCES := $(shell find cmd src -name '*.ts' -not -name '*.test.ts') build.mjs $(wildcard build/*) package-lock.json

.PHONY: help build image image-is-of-node check fuzz ground test test-all test-kernel chaos cluster demo demo-node demo-plan bench bench-floor clean packages guest kubernetes

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

node_modules/.package-lock.json: package.json package-lock.json .npmrc
	@echo "installing the packages of package-lock.json from the npm registry"
	npm ci --no-audit --no-fund --loglevel=error
	touch $@

build: dist/$(if $(filter-out node,$(RUNTIME)),$(RUNTIME)/)$(if $(filter-out amd64,$(ARCH)),$(ARCH)/)branchline ## Build dist/branchline, or dist/arm64/branchline (ARCH=arm64), or dist/bun/... (RUNTIME=bun, an experiment)

dist/branchline: node_modules/.package-lock.json $(SOURCES)
	@test/setup/packages.sh build
	node build.mjs

# Built here as well, with an emulator for what arm64's Node has to do itself.
dist/arm64/branchline: node_modules/.package-lock.json $(SOURCES) $(wildcard parts/arm64/package*.json)
	@test/setup/packages.sh build arm64
	build/parts.sh arm64
	node build.mjs --arch arm64

# The second runtime: docs/decisions/second-runtime.md.
dist/bun/branchline: node_modules/.package-lock.json $(SOURCES) $(wildcard parts/bun/package*.json)
	build/parts.sh bun
	node build.mjs --runtime bun

dist/bun/macvlan/branchline: dist/bun/branchline $(wildcard test/ground/macvlan/*)
	node build.mjs --runtime bun --macvlan

dist/bun/arm64/branchline: node_modules/.package-lock.json $(SOURCES) $(wildcard parts/bun*/package*.json)
	build/parts.sh bun
	build/parts.sh bun-arm64
	node build.mjs --runtime bun --arch arm64

# Any other value of ARCH or RUNTIME ends here.
dist/%/branchline:
	@echo "there is no $@ to build: ARCH is amd64 or arm64, RUNTIME is node or bun" >&2; exit 1

image-is-of-node:
	@[ -z "$(filter-out node,$(RUNTIME))" ] || { echo "the image is of Node, for both architectures: there is none with RUNTIME=$(RUNTIME)" >&2; exit 1; }

image: image-is-of-node dist/branchline dist/arm64/branchline ## Write dist/image, an OCI image layout for amd64 and arm64 (deploy/image)
	node deploy/image/build.mjs

check: node_modules/.package-lock.json ## Types, lint, format, import direction, unit tests
	tsc --noEmit -p .
	oxlint --type-aware
	prettier --check .
	node build.mjs --check
	$(VITEST) --project unit

fuzz: build packages ## Property-based tests, longer than the others run them (RUNS=20000 SEED=)
	FUZZ_RUNS=$(or $(RUNS),20000) $(if $(SEED),FUZZ_SEED=$(SEED)) $(VITEST) --project unit --project binary fuzz start-orders

packages:
	@test/setup/packages.sh build net

guest: packages
	@test/setup/packages.sh vm
	@test/setup/kernels.sh $(KERNELS)
	@test/setup/cnitool.sh

# The plugin with macvlans for VLAN devices, for kernels without 8021q.
dist/macvlan/branchline: dist/branchline $(wildcard test/ground/macvlan/*)
	node build.mjs --macvlan

ground: build $(MACVLAN) guest
	@test/setup/packages.sh runtime api
	@$(MAKE) kubernetes
	@test/setup/prometheus.sh operator-crds.yaml

kubernetes:
	@test/setup/kubernetes.sh $(KUBERNETES)
	@test/setup/coredns.sh

test: ground ## The gate, some 20 minutes: checks, executable, kernel suite natively, guests for the rest
	node test/suites/run.ts gate $(addprefix --only ,$(SUITES))

test-all: ground dist/arm64/branchline dist/bun/macvlan/branchline dist/bun/arm64/branchline ## Everything, some hours: both kernels whole, every fault, chaos, the second runtime, fuzz
	@test/setup/containerd.sh
	@test/setup/prometheus.sh promtool
	@test/setup/packages.sh vm-arm64
	@test/setup/kernels.sh 6.12-arm64
	@test/setup/root.sh arm64
	node test/suites/run.ts all --report docs/test-all.md $(addprefix --only ,$(SUITES))

test-kernel: build guest ## Test files in each kernel's guest (KERNELS="6.1 6.12" FILES= PROJECT=kernel CONTAINERD=1.6), or NATIVE=1
	$(if $(filter 2,$(CONTAINERD)),@test/setup/containerd.sh)
	$(if $(filter runtime,$(PROJECT)),@test/setup/packages.sh runtime && test/setup/kubernetes.sh helm)
	node test/vm/run-suite.ts --project $(or $(PROJECT),kernel) --timeout 3600 $(if $(CONTAINERD),--env CONTAINERD=$(CONTAINERD)) $(if $(NATIVE),--native,$(addprefix --kernel ,$(KERNELS))) -- $(FILES)

# Four seconds for a round are enough where others are at work too.
chaos: KERNELS := $(or $(KERNEL),6.12)
chaos: ROUNDS := $(or $(ROUNDS),500)
chaos: build guest ## A random sequence of calls, kills and accidents (SEED= ROUNDS=500 KERNEL=6.12, or REPLAY=file)
	@echo "booting Linux $(firstword $(KERNELS)) in QEMU: some 10 s; what fails leaves its sequence in .cache/chaos"
	node test/vm/exec.ts --kernel $(firstword $(KERNELS)) --timeout $$((1800 + 4 * $(ROUNDS))) --out .cache/chaos -- \
	  node test/chaos/main.ts --out /run/out --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED)) $(if $(REPLAY),--replay $(abspath $(REPLAY)))

# Says what is expected, or that there is no such break, before anything is installed.
demo: node_modules/.package-lock.json ## The exercise of a catalogue and its database on a cluster, natively: a table of expectations and outcomes (BREAK=policy, group or agent)
	@node test/demo/demo.ts --plan $(if $(BREAK),--break $(BREAK))
	@$(MAKE) build $(MACVLAN) packages kubernetes
	@test/setup/packages.sh runtime api demo
	node test/demo/demo.ts $(if $(BREAK),--break $(BREAK))

DEMO_NODE := node test/demo/node/demo.ts --datapath $(DATAPATH) $(if $(MODE),--mode $(MODE))

# Says what is expected, or that there is no such datapath or mode, before anything is installed or booted.
demo-plan: node_modules/.package-lock.json
	@$(DEMO_NODE) --plan

demo-node: KERNELS := $(or $(KERNEL),6.12)
demo-node: demo-plan build guest ## One node without a cluster: groups that decide who reaches a real PostgreSQL, in a guest (DATAPATH=direct MODE= KERNEL=6.12)
	@test/setup/packages.sh demo
	@echo "booting Linux $(firstword $(KERNELS)) in QEMU: some 10 s"
	node test/vm/exec.ts --kernel $(firstword $(KERNELS)) -- $(DEMO_NODE)

cluster: build $(MACVLAN) packages kubernetes ## A cluster to play with, natively, until Ctrl-C (NODES=1)
	@test/setup/packages.sh runtime api
	node test/cluster/up.ts --nodes $(or $(NODES),1)

dist/floor: dist/branchline $(wildcard test/ground/macvlan/*)
	node build.mjs --bench

dist/bun/floor: dist/bun/branchline $(wildcard test/ground/macvlan/*)
	node build.mjs --runtime bun --bench

bench: dist/floor dist/bun/floor guest ## Start-up, ADD and DEL, scale, traffic, EC2, agent, controller, status: bench/results/latest.json (ROUNDS=30 PART=native, guest, simulator, agent, controller or status)
	@test/setup/packages.sh bench
	node bench/run.ts --rounds $(or $(ROUNDS),30) --kernel $(or $(KERNEL),6.12) --part $(or $(PART),all) --share $(or $(SHARE),1)

bench-floor: dist/floor ## What lowers the start of the runtime itself, and what does not (ROUNDS=40)
	node bench/floor.mjs $(or $(ROUNDS),40)

clean: ## Remove what was built and fetched
	rm -rf dist .cache node_modules
