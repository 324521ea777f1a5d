# Needs Python 3.11, make and git; everything else is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.DEFAULT_GOAL := help
.PHONY: help run test lint format messages simulate mutants bench record screenshots clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## *' '{printf "  make %-12s %s\n", $$1, $$2}'

run: .venv/.users  ## start everything on this machine; PORT=8010 for another port
	@$(BIN)/python manage.py run

test: .venv/.developers  ## all tests; ARGS="tests/sync -x" for some
	@$(BIN)/python -m pytest $(ARGS)

lint: .venv/.developers  ## style, format, types, import arrows, missing migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

format: .venv/.developers  ## put imports and layout right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

messages: .venv/.users  ## collect what is to be translated, compile what is (needs gettext)
	$(BIN)/python manage.py makemessages
	$(BIN)/python manage.py compilemessages -v 0 --ignore .venv --ignore var
	@for catalog in locale/*/LC_MESSAGES/django.po; do echo "$$catalog"; msgfmt --statistics -o /dev/null $$catalog; done

simulate: .venv/.developers  ## random stories against the engine; SEEDS=40 SEED_START=7000
	@$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),40) --start $(or $(SEED_START),1) --jobs 2 $(ARGS)

mutants: .venv/.developers  ## plant every known flaw, one at a time: the stories must find it
	@$(BIN)/python -m tests.simulation --mutants all $(ARGS)

bench: .venv/.developers  ## measure the import, a quiet sync and memory
	@$(BIN)/python -m tests.benchmarks $(ARGS)

record: .venv/.developers  ## record a provider's answers anew: PROVIDER=notion (docs/adding-a-provider.md)
	@$(BIN)/python -m tests.recorded $(PROVIDER)

screenshots: .venv/.developers  ## draw the pictures of docs/img anew
	@$(BIN)/python -m tests.browser.screenshots $(ARGS)

clean:  ## remove what was made here: .venv, caches and var (the local data!)
	rm -rf .venv var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: installed again only when the list changed.
.venv/.users: requirements.txt | .venv/bin/python
	@echo "Installing what Raccord needs (once) …"
	@$(PIP) install -r requirements.txt
	@touch $@

.venv/.developers: requirements-dev.txt .venv/.users
	@echo "Installing what tests need (once) …"
	@$(PIP) install -r requirements-dev.txt
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Raccord needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
