"""`freehold serve SERVICE`: one service in this process, set up by its environment (FREEHOLD_<SERVICE>_…)."""

from __future__ import annotations

import importlib
import sys


def serve(service: str) -> int:
    """Runs the service until SIGTERM; 0 when it drained, 2 for bad settings, 3 when it cannot start."""
    app = importlib.import_module(f"services.{service}.app")
    return int(app.main())


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1]))
