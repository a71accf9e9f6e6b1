# Two commands do everything: `make run` and `make test`. Both set up .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# ONNX Runtime comes in two packages that own one import name: the GPU's where there is an NVIDIA driver.
RUNTIME ?= $(if $(shell command -v nvidia-smi 2>/dev/null),gpu,cpu)
INSTALLED := $(VENV)/.installed-$(RUNTIME)

.PHONY: help run test lint format wheel clean

help:
	@echo 'make run    set up .venv and run examples/minilm.yaml'
	@echo 'make test   set up .venv and run the tests'
	@echo 'make lint   ruff, format check, mypy --strict'
	@echo 'make wheel  build the wheel, check it, and test it in an empty environment'
	@echo 'make clean  remove .venv and build folders (results stay)'

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'xbench needs Python 3.11 or later; name one with: make run PYTHON=python3.12' >&2; exit 2; }
	@echo 'Setting up $(VENV) (once; some minutes)'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
	  --editable '.[$(RUNTIME),openvino,torch,optimum,slim,quality,examples,dev]'
	@rm -f $(VENV)/.installed-* && touch $@

# Exit codes 1 (a gate failed) and 3 (inconclusive) are answers, not faults: make says so and succeeds.
run: $(INSTALLED)
	@$(BIN)/xbench run examples/minilm.yaml; code=$$?; \
	case $$code in \
	  0) ;; \
	  1) echo 'xbench ended with code 1: a gate failed. That is its verdict on these models, not an error.' ;; \
	  3) echo 'xbench ended with code 3: a gate could not be decided. Measure longer: xbench run --budget 300s' ;; \
	  *) exit $$code ;; \
	esac

test: $(INSTALLED)
	@$(BIN)/python -m pytest

lint: $(INSTALLED)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(INSTALLED)
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

wheel: $(INSTALLED)
	@rm -rf build dist
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m build --wheel --outdir dist . > build.log 2>&1 || { cat build.log; exit 1; }
	@rm -f build.log
	@$(BIN)/python scripts/check_wheel.py dist/*.whl
	@PYTHON=$(PYTHON) bash scripts/test_wheel.sh dist/*.whl

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
