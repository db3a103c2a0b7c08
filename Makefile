# The same commands for people and for CI.
PYTHON ?= python3
BIN := .venv/bin

TOOLS := .tools/bin

.PHONY: setup locked demo check test docs bench lock audit sbom lowest clean

setup: .venv/.done

.venv/.done: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[train,dev]"
	touch $@

# The very versions, with their digests, that the lock names: to develop with what was tried, or to find out whether a newer
# release broke something. Wheels alone, and Tellapart built by the locked hatchling: nothing is fetched that has no digest.
locked:
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: --requirement requirements/dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch .venv/.done

demo: setup
	$(BIN)/tellapart demo --out runs/demo-$$(date +%Y%m%d-%H%M%S)

check: setup
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Two processes: each takes up to 3 GB. A file's tests stay together, as they share what was trained for them. Long files
# come first: `tests/conftest.py` names them.
test: setup
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

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

$(TOOLS)/.done: requirements/tools.lock
	$(PYTHON) -m venv .tools
	$(TOOLS)/python -m pip install --quiet --require-hashes --only-binary :all: --requirement requirements/tools.lock
	touch $@

# For every system and Python from 3.11 on; no index, no path of a machine is written down. What is locked stays unless a
# bound in pyproject.toml forbids it; to bump: make lock LOCK_OPTIONS=--upgrade, or LOCK_OPTIONS="--upgrade-package pillow".
LOCK := $(TOOLS)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-annotate --no-header --no-emit-index-url --no-emit-find-links
lock: $(TOOLS)/.done
	$(LOCK) pyproject.toml requirements/build.txt --extra train --extra dev --constraint requirements/constraints.txt \
	  --output-file requirements/dev.lock $(LOCK_OPTIONS)
	$(LOCK) pyproject.toml --constraint requirements/dev.lock --output-file requirements/base.lock $(LOCK_OPTIONS)
	$(LOCK) requirements/tools.txt --output-file requirements/tools.lock $(LOCK_OPTIONS)

# Known holes in what is locked, asked of the package index; of OSV: make audit AUDIT_OPTIONS="--vulnerability-service osv".
# What is not to be mended, and why, belongs into SECURITY.md: AUDIT_OPTIONS="--ignore-vuln ID".
audit: $(TOOLS)/.done
	$(TOOLS)/pip-audit --strict --require-hashes --disable-pip --requirement requirements/dev.lock $(AUDIT_OPTIONS)

# What a release is made of: CycloneDX, checked against its schema by the tool itself before it is written.
sbom: $(TOOLS)/.done
	rm -rf dist/.base && mkdir -p dist
	$(TOOLS)/uv venv --quiet dist/.base
	$(TOOLS)/uv pip install --quiet --python dist/.base --require-hashes --only-binary :all: \
	  --requirement requirements/base.lock
	$(TOOLS)/cyclonedx-py environment dist/.base --pyproject pyproject.toml --mc-type application \
	  --output-reproducible --validate --output-file dist/tellapart.cdx.json
	rm -rf dist/.base

# The oldest versions that pyproject.toml accepts, and tests that touch most of them: a whole small run with a training,
# predictions, pages and the server among them.
LOWEST := tests/test_supply_chain.py tests/photos/test_folds.py tests/photos/test_decode.py tests/weights/test_arrays.py \
  tests/deploy/test_runtime.py tests/deploy/serving/test_photo_routes.py tests/doctor/test_packages.py tests/report/test_page.py \
  tests/models/test_linear.py tests/models/test_training.py tests/models/test_onnx_layers.py
lowest: $(TOOLS)/.done
	rm -rf .tools/lowest && $(TOOLS)/uv venv --quiet --python $(PYTHON) .tools/lowest
	$(TOOLS)/uv pip compile pyproject.toml --quiet --extra train --resolution lowest-direct --no-header \
	  --output-file .tools/lowest.txt
	$(TOOLS)/uv pip install --quiet --python .tools/lowest --constraint .tools/lowest.txt \
	  --editable ".[train]" pytest hypothesis httpx jsonschema
	.tools/lowest/bin/python -m pytest --quiet --override-ini filterwarnings=default $(LOWEST)

clean:
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache
