"""Fails when a file names the machine that it was made on: a registry's host, an absolute path of somebody's folder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PATTERNS = {
    "a package index": re.compile(r"--(?:extra-)?index-url[ =]\S|--(?:find-links|trusted-host)[ =]\S|/simple/"),
    "somebody's folder": re.compile(r"(?<![\w.~-])/(?:root|home|work|workspace|Users|mnt|opt)/[\w.-]"),
}
UNREAD = {".binpb", ".png", ".jpg", ".woff2"}
ITSELF = Path(".ci/no_machine.py")


def main() -> int:
    """Prints every find as file:line; answers 1 when there is one."""
    listed = subprocess.run(["git", "ls-files", "-zco", "--exclude-standard"], capture_output=True, check=True)  # noqa: S607
    files = [Path(name) for name in listed.stdout.decode().split("\0") if name]
    finds = [find for file in files if file.suffix not in UNREAD and file != ITSELF for find in look(file)]
    sys.stdout.writelines(f"{find}\n" for find in finds)
    return 1 if finds else 0


def look(file: Path) -> list[str]:
    """What `file` tells of a machine."""
    if not file.is_file():
        return []
    return [
        f"{file}:{number}: names {what}: {match.group()}"
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        for what, pattern in PATTERNS.items()
        if (match := pattern.search(line))
    ]


if __name__ == "__main__":
    sys.exit(main())
