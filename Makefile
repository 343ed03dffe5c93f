# Gancho: every command a developer needs. `make help` lists them.
# Two of them do all the set-up on a fresh machine with Python 3.11+ and make: `make run` and `make test`.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
RUN_STAMP := $(VENV)/.requirements.stamp
DEV_STAMP := $(VENV)/.requirements-dev.stamp
APPS := access catalog connections dispatch notices outbound portal vault webhooks
TEMPLATES = $(shell find templates -name '*.html')

export PORT ?= 8000

.PHONY: help run test lint fix lock sbom bench soak mutants messages clean screenshots

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUN_STAMP) ## Start the portal with demo data on http://127.0.0.1:$PORT (Ctrl-C stops everything)
	@exec $(PY) -m portal.supervisor

test: $(DEV_STAMP) ## All tests: SQLite, PostgreSQL, real processes, Chromium
	@exec $(PY) -m tests.run $(PARTS)

bench: $(DEV_STAMP) ## How fast, how big, against other designs (ROWS="rate latency": some rows; else RESULTS.md)
	@exec $(PY) -m bench --rows "$(ROWS)" $(if $(ROWS),,--write) $(BENCH)

soak: $(DEV_STAMP) ## Minutes of random faults in each running mode (MINUTES=5 each, SEED=..., MODES="sqlite postgres celery")
	@exec $(PY) -m tests.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(MODES),--modes "$(MODES)")

mutants: $(DEV_STAMP) ## Break the code in named ways: each must turn a named test red
	@exec $(PY) -m tests.mutants.run $(MUTANTS)

lint: $(DEV_STAMP) ## Format, rules, types, floors: what CI checks. Says everything, then fails if anything did
	@status=0; run() { echo "$$*"; "$(VENV)/bin/$$@" || status=1; }; \
	run ruff format --check --quiet .; \
	run ruff check .; \
	run lint-imports --no-logo; \
	run mypy; \
	echo djade; $(VENV)/bin/djade --check --target-version 5.2 $(TEMPLATES) || status=1; \
	exit $$status

fix: $(DEV_STAMP) ## Format and mend what can be mended by a machine
	$(VENV)/bin/ruff check --fix-only --quiet .
	$(VENV)/bin/ruff format .
	-$(VENV)/bin/djade --target-version 5.2 $(TEMPLATES)

lock: $(DEV_STAMP) ## Lock all dependencies by hash, from pyproject.toml (keeps the versions that still fit)
	$(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url \
	  --no-emit-find-links --python-version 3.11 pyproject.toml -o requirements.lock
	$(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url \
	  --no-emit-find-links --python-version 3.11 pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock

sbom: $(DEV_STAMP) ## Write the bill of materials of what runs in production to sbom.cdx.json (CycloneDX)
	@$(PY) -m deploy.sbom sbom.cdx.json

screenshots: $(DEV_STAMP) ## Take the README's pictures of the running product anew (docs/screenshots)
	@exec $(PY) -m tests.browser.screenshots

messages: $(DEV_STAMP) ## Bring the translation files (.po and .mo) up to date with the code
	@$(PY) manage.py messages

clean: ## Remove caches and test artefacts (never the data in var/)
	rm -rf test-artefacts .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# --- the virtual environment: made once, refreshed when a lock file changes ---------------------------------------

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Gancho needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): requirements.lock | $(PY)
	@echo "Installing what the portal needs (once)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(DEV_STAMP): requirements-dev.lock requirements.lock | $(PY)
	@echo "Installing what the portal and its tests need (once)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ $(RUN_STAMP)
