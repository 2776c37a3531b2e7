# Plimsoll's tasks. `make help` lists them; tools/ holds what is longer than a few lines.

PYTHON ?= /usr/bin/python3
BIND ?= 127.0.0.1:8000
# More options for `plimsoll serve`, for example: make serve ARGS='--workers 2 --threads 8'
ARGS ?=
# Python versions that the tests run with, where they are installed.
VERSIONS ?= 3.11 3.12 3.13

SITE := $(CURDIR)/examples/django-site
# The example may run as root where root builds: its files belong to whoever does.
AS_ROOT = $(if $(filter 0,$(shell id -u)),--user root)

.DEFAULT_GOAL := help
.PHONY: help serve build stage test bench bench-memory format lint clean setup-build setup-site setup-test \
	setup-bench ratchet
.NOTPARALLEL:

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: setup-site stage ## serve the example Django site on 127.0.0.1:8000 (BIND=, ARGS=)
	@exec stage/bin/plimsoll serve mysite.wsgi --chdir '$(SITE)' --static '/static=$(SITE)/static' \
		--python '$(CURDIR)/.venv/bin/python' --bind '$(BIND)' $(AS_ROOT) $(ARGS)

# The Swift runtime is linked in: the server and the extension must not load Foundation or Dispatch,
# and run on machines without Swift.
build: setup-build ## compile everything in release mode
	@echo 'Building in release mode (some minutes the first time)'
	@swift build --quiet --configuration release -Xswiftc -static-stdlib

stage: build ## put the programs and the extension into stage/, from where they run
	@tools/stage

test: setup-test stage ## run every test: format, unit, fuzz, black box
	@tools/run-tests

bench: setup-bench stage ## compare with other servers and write docs/BENCHMARKS.md (ARGS=--help)
	@$(PYTHON) bench/run.py $(ARGS)
	@$(PYTHON) bench/daemon.py

bench-memory: setup-bench setup-test stage ## one more worker of each server, forks, the supervisor's CPU
	@$(PYTHON) bench/peer_cost.py $(ARGS)
	@$(PYTHON) bench/many_workers.py

format: ## rewrite every Swift file in the house's format
	@swift format --in-place --parallel --recursive Package.swift Sources Tests Fuzz
	@tools/wrap-comments Sources Tests Fuzz

lint: ## check the format without rewriting
	@tools/lint

ratchet: ## agree on today's counts of unsafe code, force unwraps and the like (Tests/ratchet.json)
	@PLIMSOLL_RATCHET=write swift test --filter HouseRulesTests

clean: ## remove everything that was made here, the example site's data included
	rm -rf .build stage .setup .venv .venv-* .pytest_cache
	rm -rf '$(SITE)'/db.sqlite3* '$(SITE)/media' '$(SITE)/static' '$(SITE)'/secret-key.txt*

setup-build:
	@tools/check-swift
	@tools/install-debian-packages build

setup-site: setup-build
	@tools/make-venv .venv '$(PYTHON)' examples/requirements.txt
	@tools/prepare-django-site .venv/bin/python

setup-test: setup-site
	@tools/make-venv .venv-test '$(PYTHON)' examples/requirements.txt Tests/BlackBox/requirements.txt
	@tools/find-pythons $(VERSIONS) | while read -r version python; do \
		tools/make-venv .venv-$$version "$$python" examples/requirements.txt || exit 1; done

setup-bench: setup-build
	@tools/install-debian-packages bench
	@tools/make-venv .venv-bench '$(PYTHON)' bench/requirements.txt examples/requirements.txt
