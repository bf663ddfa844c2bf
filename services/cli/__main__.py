"""`python -m services.cli` is `freehold`."""

from services.cli import main

main()
