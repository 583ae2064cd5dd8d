# Everything is installed into .venv from the lock files; a second run finds it there.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help serve test fmt lint docs demo lock clean

VENV := .venv
BIN := $(VENV)/bin
# Arguments for the command: make serve ARGS="--port 9000", make test ARGS="-k logout"
ARGS ?=
PROJECT := pyproject.toml hatch_build.py tools/install requirements-node.lock \
  frontend/package.json frontend/package-lock.json frontend/icons.txt frontend/.npmrc

help: ## This list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(BIN)/python:
	tools/make-venv $(VENV)

$(VENV)/.runtime: requirements.lock $(PROJECT) | $(BIN)/python
	tools/install $(VENV) requirements.lock
	@touch $@

# The development lock holds the runtime's as well.
$(VENV)/.dev: requirements-dev.lock $(PROJECT) | $(BIN)/python
	tools/install $(VENV) requirements-dev.lock
	@touch $@ $(VENV)/.runtime

serve: $(VENV)/.runtime ## Install what is needed, and start the server (ARGS=...)
	@exec $(BIN)/ostiary serve $(ARGS)

demo: $(VENV)/.runtime ## Start a server filled with an example (ARGS=...)
	@exec $(BIN)/ostiary demo $(ARGS)

test: $(VENV)/.dev ## Style, types, import directions, then all tests (ARGS=... for pytest)
	@tools/test $(ARGS)

lint: $(VENV)/.dev ## Style, types and import directions only
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict src
	$(BIN)/lint-imports

fmt: $(VENV)/.dev ## Put the sources into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev ## The documentation, into build/docs; a dead link fails
	$(BIN)/mkdocs build --strict

lock: $(BIN)/python ## Write the lock files anew (UPGRADE=1: newest versions)
	tools/lock

clean: ## Remove everything that was fetched or made
	rm -rf $(VENV) build dist .coverage .coverage.* .hypothesis .mypy_cache .ruff_cache \
	  .pytest_cache .import_linter_cache frontend/node_modules src/ostiary/web/static/vendor
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
