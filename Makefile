# The recipes of CONTRIBUTING.md; `make` alone lists them.
.DEFAULT_GOAL := help
PY := .venv/bin

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup:  ## a virtual environment with everything the tests need
	python3 -m venv .venv
	$(PY)/pip install -q --require-hashes -r requirements/test.txt
	$(PY)/pip install -q --no-deps -e .

quick:  ## the tests one runs while working, in less than a minute
	$(PY)/pytest -n 2 -m 'not slow'

test:  ## all tests
	$(PY)/pytest

others:  ## tests with libraries as clients, lm-eval and atheris, in an environment of their own
	.ci/others .venv-others

lint:  ## style, types
	$(PY)/ruff check .
	$(PY)/ruff format --check .
	$(PY)/mypy

lock:  ## write requirements/*.txt anew from pyproject.toml
	uv pip compile -q --universal --generate-hashes --no-annotate --no-header --python-version 3.11 --extra local --extra audit -o requirements/run.txt pyproject.toml
	uv pip compile -q --universal --generate-hashes --no-annotate --no-header --python-version 3.11 --extra all --group dev -o requirements/test.txt pyproject.toml
	uv pip compile -q --universal --generate-hashes --no-annotate --no-header --python-version 3.11 --extra local --extra lm-eval --group ci -o requirements/ci.txt pyproject.toml
	echo 'uv>=0.13' | uv pip compile -q --universal --generate-hashes --no-annotate --no-header --python-version 3.11 -o requirements/uv.txt -
