# What one does in this repository; `make help` lists it.
# PYTHON may point into a virtual environment: make test PYTHON=.venv/bin/python

PYTHON ?= python3
JOBS ?= auto
PARALLEL := $(shell $(PYTHON) -c 'import xdist' 2>/dev/null && printf '%s' '-n $(JOBS) --dist loadgroup')
CLANG_FORMAT = $(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("scripts"))')/clang-format
C_FILES = $(shell git ls-files '*.c' '*.cc' '*.h' 2>/dev/null || find firmware simulate tests -name '*.[ch]' -o -name '*.cc')

.DEFAULT_GOAL := help
.PHONY: help test slow check format docs bench fault-tests boards-proof models-proof tflm-proof clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

test: ## Run all tests but the slow ones
	$(PYTHON) -m pytest $(PARALLEL) -m "not slow"

slow: ## Run the proofs that take minutes
	$(PYTHON) -m pytest -m slow

check: ## Formatting, lint, types, C formatting
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(CLANG_FORMAT) --dry-run -Werror $(C_FILES)

format: ## Format Python and C
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .
	$(CLANG_FORMAT) -i $(C_FILES)

docs: ## Write docs/SUPPORTED_OPS.md from the code
	$(PYTHON) -m convert.supported > docs/SUPPORTED_OPS.md

bench: ## Build the example and show instructions per inference
	$(PYTHON) -m wakesmith build examples/digits.toml

fault-tests: ## Faults on purpose: damaged image, full stack, dead microphone, noise, hangs
	$(PYTHON) -m pytest $(PARALLEL) -m fault

boards-proof: ## The same clips on every emulated board, with both compilers
	$(PYTHON) -m pytest $(PARALLEL) -m "slow or not slow" tests/simulate/test_all_boards.py

models-proof: ## Public models on every core: 1,000 random and 200 real inputs, every layer
	$(PYTHON) -m pytest $(PARALLEL) -m "slow or not slow" tests/simulate/test_models_proof.py tests/simulate/test_stripes_proof.py

tflm-proof: ## TFLite Micro as runtime equals its wheel: TFLM_DIR=tree, after make bench
	$(PYTHON) -m benchmarks.tflm_proof --tflm-dir "$(TFLM_DIR)"

clean: ## Delete what was built here
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
