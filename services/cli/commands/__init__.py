"""The commands, one a file."""

import typer

from services.cli.commands.demo import demo
from services.cli.commands.doctor import doctor
from services.cli.commands.last_code import last_code
from services.cli.commands.ledger import ledger
from services.cli.commands.migrate import migrate
from services.cli.commands.operator_token import operator_token
from services.cli.commands.proof import proof
from services.cli.commands.reconcile import reconcile
from services.cli.commands.rotate_keys import rotate_keys
from services.cli.commands.scorecard import scorecard
from services.cli.commands.seed import seed
from services.cli.commands.serve import serve
from services.cli.commands.up import up

app = typer.Typer(
    name="freehold",
    help="Rent a bike without a deposit when you have earned it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (demo, up, seed, doctor, migrate, operator_token, last_code, reconcile, rotate_keys, serve):
    app.command()(command)
app.add_typer(scorecard, name="scorecard")
app.add_typer(proof, name="proof")
app.add_typer(ledger, name="ledger")

__all__ = ["app"]
