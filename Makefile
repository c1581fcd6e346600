# "make help" lists the targets. Each does its own set-up.

SHELL := /bin/bash
GO ?= go
LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.6.2
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo -E)
# A count, not a time: go test reports a deadline that ends a slow input as a failure.
FUZZTIME ?= 10000x

.PHONY: help setup build demo test unit e2e lint fuzz bench microbench listings

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

# The real servers and the mounts need root.
e2e:
	$(SUDO) env FTPFS_REQUIRE_SERVERS=1 $(GO) test -race -count=1 -v ./e2e | grep -vE '^(=== |    --- PASS|        --- PASS)'; exit $${PIPESTATUS[0]}

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
