PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo run test check verify bench clean

install: $(STAMP)

$(STAMP): requirements.txt examples/wheelhouse.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Slipway needs Python 3.11 or newer: set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
		-r examples/wheelhouse.txt -d $(VENV)/wheelhouse
	@printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s/python" -m cli "$$@"\n' "$(CURDIR)" "$(CURDIR)/$(BIN)" > $(BIN)/slipway
	@chmod +x $(BIN)/slipway
	@touch $@

demo: $(STAMP)
	$(BIN)/slipway demo

run: $(STAMP)
	$(BIN)/slipway serve

test: $(STAMP)
	$(BIN)/python -m pytest -n 2

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports
	$(BIN)/python -m pytest tests/architecture

verify: $(STAMP)
	$(BIN)/slipway schema --write
	$(BIN)/slipway events docs --write
	git diff --exit-code -- schema/schema.graphql docs/events.md

bench: $(STAMP)
	$(BIN)/python -m bench $(addprefix --only ,$(ONLY))

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
