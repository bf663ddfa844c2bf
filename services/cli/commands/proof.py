"""`freehold proof verify`: whether a proof of a score is good, without asking anybody."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.options import told

proof = typer.Typer(help="Proofs that a score lies above a line.", no_args_is_help=True)


@proof.command("verify")
def verify_proof(
    token: Annotated[str, typer.Argument(help="The proof, as the QR code has it.")],
    keys: Annotated[Path, typer.Option("--keys", help="The JSON Web Key Set of GetProofKeys, in a file.")],
    shown_to: Annotated[str, typer.Option("--shown-to", help="Whom it has to be for.")],
    nonce: Annotated[str, typer.Option("--nonce", help="What it has to repeat, if you asked for something.")] = "",
) -> None:
    """Say what a proof states; exit code 1 when it is not good for you now."""

    def work() -> int:
        from services.scoring.signing import verify

        claims = verify(token, json.loads(keys.read_text(encoding="utf-8")), datetime.now(UTC), shown_to, nonce)
        until = datetime.fromtimestamp(claims["exp"], UTC).isoformat(timespec="minutes")
        typer.echo(f"good: the score lay above {claims['above']} on {claims['on']}; valid until {until}")
        return 0

    told(work)
