#!/bin/sh
# Writes the locks: base.txt is what running needs, dev.txt that and what tests and checks need. No index is written down.
set -eu
cd "$(dirname "$0")/.."
compile() {
    uv pip compile pyproject.toml requirements/build.in "$@" --quiet --universal --python-version 3.11 \
        --generate-hashes --no-emit-index-url --no-emit-find-links --no-header
}
compile --output-file requirements/base.txt
compile --extra dev --constraint requirements/base.txt --output-file requirements/dev.txt
