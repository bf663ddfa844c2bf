"""Writes docs/states, a page per kind of asset and one of assets, from the machines in the code; `--check` compares."""

from __future__ import annotations

import sys
from pathlib import Path

from services.rental.domain.fleet.page import fleet_page
from services.rental.domain.kinds import KINDS
from services.rental.domain.kinds.page import page_of

FOLDER = Path(__file__).parent.parent / "docs" / "states"


def main(check: bool) -> int:
    """Answers 1 when a page is not what the code says, or belongs to no kind."""
    pages = {FOLDER / f"{kind.lower()}.md": page_of(KINDS[kind]) for kind in KINDS}
    pages[FOLDER / "assets.md"] = fleet_page()
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    stale += [path for path in FOLDER.glob("*.md") if path not in pages]
    if check:
        sys.stdout.writelines(f"{path} is not what the code says\n" for path in stale)
        return 1 if stale else 0
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
