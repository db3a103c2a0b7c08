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

# Beside stock Keras, on your own photos: make bench PHOTOS=folder WEIGHTS=mobilenet_v2.weights.h5; without, on drawn ones.
PHOTOS ?= $(wildcard ../shared/data/furniture4)
WEIGHTS ?= $(wildcard ../shared/weights/mobilenet_v2_imagenet_notop.weights.h5)
bench: setup
	for what in features classifier epochs finetuning tuning prediction memory growth; do \
	  $(BIN)/python benchmarks/$$what.py $(if $(PHOTOS),--photos $(PHOTOS)) $(if $(WEIGHTS),--weights $(WEIGHTS)) || exit 1; \
	done
	$(BIN)/python benchmarks/page.py

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
