#!/usr/bin/env bash
# Generates protos/gen from protos/freehold. Run it by `make protos`; never edit what it writes.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-.venv/bin/python}"
out="${1:-protos/gen}"
rm -rf "$out" && mkdir -p "$out"
find protos/freehold protos/vendor/buf -name '*.proto' -print0 | sort -z | PATH="$(dirname "$python"):$PATH" xargs -0 "$python" -m grpc_tools.protoc \
    -I protos/vendor -I protos --python_out="$out" --grpc_python_out="$out" --mypy_out="quiet:$out" --mypy_grpc_out="quiet:$out"
# Messages-only files have no service: an empty *_pb2_grpc file says nothing.
find "$out" -name '*_pb2_grpc.py' | while read -r file; do
    grep -q 'Stub' "$file" || rm -f "$file" "${file%.py}.pyi"
done
