"""`python -m benchmarks.peers SERVICE`: one of the four, from the same environment as `freehold serve SERVICE`."""

from __future__ import annotations

import sys
from importlib import import_module

from services.runtime.service import run

service = sys.argv[1]
peer = import_module(f"benchmarks.peers.{service}")
sys.exit(run(service, peer.Settings, peer.build))
