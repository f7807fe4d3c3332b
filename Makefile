# Two commands matter: make demo, make test. Both set up what is missing first.
SHELL := /bin/bash
PYTHON := .venv/bin/python
T ?=
W ?=
J ?= 2

.PHONY: help setup demo test bench faults lint lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10
	@echo
	@echo 'Options: ONCE=1 (demo: stop after the walk)  T=tests/web (test: only a part)  J=1 (test: processes)'
	@echo 'Demo ports, with what changes them:'
	@sed -nE 's/^    ([a-z_]+): int = ([0-9]+)$$/\1 \2/p' tools/stack/ports.py | \
		while read -r name port; do echo "  $$port  IDP_BRIDGE_DEMO_$${name^^}_PORT"; done

setup: ## install what is missing: system packages, .venv, Keycloak
	@tools/setup.sh

demo: setup ## start everything on loopback, walk one parent to a token, stay up until Ctrl-C
	@ONCE=$(ONCE) $(PYTHON) -m tools.demo

lint: setup ## ruff, import walls, types
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	.venv/bin/lint-imports
	$(PYTHON) -m mypy

test: ## everything that CI runs (T=… for a part)
ifeq ($(T),)
	@$(MAKE) --no-print-directory lint
else
	@$(MAKE) --no-print-directory setup
endif
	$(PYTHON) -m pytest $(if $(T),$(T),-n $(J) --dist loadgroup)

bench: setup ## measure against the aims, print a table, write var/bench.json (W=… for rows with that word)
	$(PYTHON) -m tools.bench $(W)

faults: setup ## inject faults, many times each, print a table, write var/faults.json (W=… for tests with that word)
	FAULTS=long $(PYTHON) -m pytest tests/faults -v $(if $(W),-k '$(W)')

lock: setup ## renew requirements.lock from pyproject.toml
	$(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-annotate --no-header --extra postgres --extra redis --extra dev pyproject.toml -o requirements.lock

clean: ## remove what demo and tests left in the tree (the cache stays)
	rm -rf var .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
