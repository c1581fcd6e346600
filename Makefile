# "make help" lists the targets. Each does its own set-up.

SHELL := /bin/bash
GO ?= go
LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.6.2
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo -E)
# A count, not a time: go test reports a deadline that ends a slow input as a failure.
FUZZTIME ?= 10000x
SOAK ?= 10m

.PHONY: help setup build demo test unit e2e lint fuzz bench microbench listings faults soak

help: ## this list
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: ## install what is missing: fuse3, rsync, python3 and the FTP servers' packages
	@tools/setup

build: ## build ./ftpfs
	$(GO) build -o ftpfs ./cmd/ftpfs

demo: build ## show a mount of a built-in server; make demo ARGS=--once leaves by itself
	@$(SUDO) ./ftpfs demo $(ARGS)

test: setup unit e2e fuzz ## all tests

unit:
	$(GO) vet ./...
	$(GO) test -race $$($(GO) list ./... | grep -v /e2e)

# The real servers and the mounts need root. All of it runs without the race
# detector, which makes it several times as slow, and a part with it.
RACE ?= ^(TestServers|TestWriting|TestModel|TestWriteFaults|TestExerciser|TestWriteBack|TestConflicts)$$/^vsftpd$$
QUIET = grep -vE '^(=== | *--- PASS)'; exit $${PIPESTATUS[0]}
E2E = $(SUDO) env FTPFS_REQUIRE_SERVERS=1 $(GO) test -count=1 -v -timeout 12m

e2e:
	$(E2E) ./e2e | $(QUIET)
	$(E2E) -race -run '$(RACE)' ./e2e | $(QUIET)

faults: setup ## every fault on every program and server, into docs/reliability.md
	$(SUDO) env FTPFS_REQUIRE_SERVERS=1 FTPFS_FAULTS=all FTPFS_FAULTS_TABLE=../docs/reliability.md $(GO) test -count=1 -timeout 60m -parallel 12 -run TestFaults ./e2e

soak: setup ## programs and faults at random for SOAK=10m, memory and descriptors bounded
	$(SUDO) env FTPFS_REQUIRE_SERVERS=1 FTPFS_SOAK=$(SOAK) $(GO) test -count=1 -timeout 26h -v -run TestSoak ./e2e

lint: ## golangci-lint; it also keeps the layers
	$(GO) run $(LINT) run ./...

fuzz: ## every fuzz target for a moment; FUZZTIME=10m for longer
	@tools/fuzz $(FUZZTIME)

bench: build ## ftpfs beside rclone, curl and lftp, into docs/benchmarks.md; BENCH="-rows find -runs 1" for less
	@$(SUDO) env PATH="$$PATH" tools/bench.sh $(BENCH)

microbench: ## benchmarks of the packages
	$(GO) test -run '^$$' -bench . -benchmem ./...

listings: ## read the collection of real listings, where it is present
	$(GO) test -count=1 -v -run Corpus ./ftpconn/listing
