"""SQL in files, one named block a statement: the block's name is the store method's name.

-- name: claim_assets
-- Claims each free asset for one rental; assets already claimed give no row.
UPDATE ...;
"""

from __future__ import annotations

import re
from importlib import resources
from importlib.resources.abc import Traversable

_HEAD = re.compile(r"^-- name: (?P<name>\w+)[ \t]*$", re.MULTILINE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_TOKEN = re.compile(
    r"""--[^\n]* | /\*.*?\*/ | '(?:[^']|'')*' | "[^"]*" | (?P<quote>\$[A-Za-z_]*\$).*?(?P=quote) | (?P<end>;)""",
    re.DOTALL | re.VERBOSE,
)


class QueryError(Exception):
    """A block without a description, without exactly one statement, or with a name used twice."""


class Queries:
    """The statements of one service, an attribute each."""

    def __init__(self, statements: dict[str, str]) -> None:
        self.statements = statements

    def __getattr__(self, name: str) -> str:
        try:
            return self.statements[name]
        except KeyError:
            raise AttributeError(f"no query named {name}") from None


def load_queries(package: str) -> Queries:
    """The named blocks of `queries.sql`, or of every `queries/*.sql`, of a package.

    Raises:
        QueryError: naming the block that is doubled, undescribed, empty or more than one statement.
    """
    root = resources.files(package)
    single = root / "queries.sql"
    files = [single] if single.is_file() else _folder(root / "queries")
    statements: dict[str, str] = {}
    for file in files:
        for name, statement in _blocks(file.read_text(encoding="utf-8")):
            if name in statements:
                raise QueryError(f"{package}: two queries named {name}")
            statements[name] = statement
    return Queries(statements)


def statements_of(text: str) -> list[str]:
    """The statements of an SQL text, cut at the semicolons outside of quotes and comments."""
    cuts = [match.start() for match in _TOKEN.finditer(text) if match["end"]]
    pieces = [text[begin:end] for begin, end in zip([0, *(cut + 1 for cut in cuts)], [*cuts, len(text)], strict=True)]
    return [piece.strip() for piece in pieces if _COMMENT.sub("", piece).strip()]


def _folder(folder: Traversable) -> list[Traversable]:
    return sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)


def _blocks(text: str) -> list[tuple[str, str]]:
    heads = list(_HEAD.finditer(text))
    if statements_of(text[: heads[0].start()] if heads else text):
        raise QueryError("a statement stands before the first name")
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return [
        (head["name"], _statement(head["name"], text[head.end() : end])) for head, end in zip(heads, ends, strict=True)
    ]


def _statement(name: str, body: str) -> str:
    lines = body.strip().splitlines()
    if not lines or not lines[0].startswith("-- "):
        raise QueryError(f"query {name} has no description")
    statements = statements_of("\n".join(line for line in lines if not line.startswith("--")))
    if len(statements) != 1:
        raise QueryError(f"query {name} is not one statement but {len(statements)}")
    return statements[0]
