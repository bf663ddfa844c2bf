# The two commands of a newcomer are `make demo` and `make test`. Everything is installed into .venv, from hashed locks.

.DEFAULT_GOAL := help
SHELL := /bin/sh
.DELETE_ON_ERROR:
.PHONY: help install demo test check bench soak protos baseline lock clean

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PIP_ROOT_USER_ACTION := ignore
export BUF_CACHE_DIR := $(CURDIR)/.venv/cache/buf
unexport PYTHONPATH PYTHONHOME

python := .venv/bin/python
pip_install := $(python) -m pip install -qq

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name what; do printf '  make %-9s %s\n' "$$name" "$$what"; done

install: .venv/.base ## what running needs, into .venv (demo and test do it by themselves)

demo: .venv/.base ## one day of real bike-share demand through the four services
	@.venv/bin/freehold demo

test: .venv/.dev ## every test, on real PostgreSQL and real sockets
	@$(python) -m pytest

check: .venv/.dev ## style, types, walls, contract, generated code
	@PATH="$(CURDIR)/.venv/bin:$$PATH" sh .ci/check

bench: .venv/.dev ## StartRental per second beside pgbench and a plain build
	@$(python) -m benchmarks

soak: .venv/.dev ## the fault tests in full; writes docs/results/
	@FREEHOLD_SOAK=1 $(python) -m pytest tests/faults tests/property/test_deposits.py tests/store/test_asset_search.py

protos: .venv/.dev ## protos/gen from protos/freehold
	@PATH="$(CURDIR)/.venv/bin:$$PATH" buf format -w
	@protos/generate.sh

baseline: .venv/.dev ## after a release: what `buf breaking` compares with (protos/README.md)
	@PATH="$(CURDIR)/.venv/bin:$$PATH" buf build --exclude-source-info --output protos/baseline.binpb

# uv resolves for every platform at once; only whoever changes a dependency needs it.
lock: ## requirements/*.txt from pyproject.toml (needs uv)
	@sh requirements/lock.sh

clean: ## removes .venv and every cache
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache .freehold
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@python=; for found in "$$PYTHON" python3 python3.13 python3.12 python3.11; do \
	    "$$found" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && python="$$found" && break; \
	done; \
	if [ -z "$$python" ]; then \
	    echo 'freehold needs Python 3.11 or newer with its venv module (on Debian: apt install python3-venv); PYTHON=… names one' >&2; exit 1; \
	fi; \
	"$$python" -m venv --clear .venv

.venv/.base: requirements/base.txt pyproject.toml | .venv/bin/python
	@echo 'Installing what running needs, a minute or so …'
	@$(pip_install) --require-hashes --only-binary :all: -r requirements/base.txt
	@$(pip_install) --no-index --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.base
	@echo 'Installing what tests and checks need …'
	@$(pip_install) --require-hashes --only-binary :all: -r requirements/dev.txt
	@touch $@
