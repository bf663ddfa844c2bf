"""The `freehold` command: it starts the house, fills it with test people, shows it at work, and says what is wrong.

It knows every room and none knows it. It talks to running services as anybody does, by their public gRPC.
"""


def main() -> None:
    """What `freehold` on the command line runs; a child process of ours (`services.cli.serve`) never loads it."""
    from services.cli.commands import app

    app()
