# The same commands for people and for CI.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo check test docs bench clean

setup: .venv/.done

.venv/.done: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[train,dev]"
	touch $@

demo: setup
	$(BIN)/tellapart demo --out runs/demo-$$(date +%Y%m%d-%H%M%S)

check: setup
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Two processes: each takes up to 3 GB. A file's tests stay together, as they share what was trained for them.
test: setup
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

docs: setup
	$(BIN)/python -m pytest tests/test_docs.py

bench: setup
	$(BIN)/python benchmarks/features.py
	$(BIN)/python benchmarks/duplicates.py $(wildcard ../shared/data/furniture4 ../shared/data/food5)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
