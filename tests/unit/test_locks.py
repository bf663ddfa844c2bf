"""The locks hold what is known to work together, and nothing that is known to break it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "requirements"
LOCKS = {name: (FOLDER / f"{name}.txt").read_text() for name in ("base", "dev")}


def version(lock: str, package: str) -> str:
    """The pinned version of a package."""
    found = re.search(rf"^{re.escape(package)}==([^\s;\\]+)", LOCKS[lock], re.MULTILINE)
    assert found is not None, package
    return found[1]


@pytest.mark.parametrize("package", ["grpcio-admin", "xds-protos", "psycopg2"])
def test_what_breaks_the_rest_is_not_there(package: str) -> None:
    """xds-protos, which grpcio-admin pulls in, overwrites files of opentelemetry-proto."""
    assert all(f"{package}==" not in lock for lock in LOCKS.values())


def test_generated_code_is_made_by_the_tools_of_the_runtime_that_checks_it() -> None:
    assert version("dev", "grpcio-tools") == version("base", "grpcio") == version("dev", "grpcio")


def test_every_line_is_pinned_and_hashed_and_names_no_host() -> None:
    for lock in LOCKS.values():
        packages = re.findall(r"^[a-z0-9][^\s=]*==", lock, re.MULTILINE)
        assert len(packages) > 20
        assert len(re.findall(r"^[a-z0-9]", lock, re.MULTILINE)) == len(packages)
        assert lock.count("--hash=sha256:") >= len(packages)
        assert "://" not in re.sub(r"^\s*#.*$", "", lock, flags=re.MULTILINE)
