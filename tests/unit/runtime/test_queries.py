"""SQL in named blocks: each with a description and one statement."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.runtime.queries import QueryError, load_queries


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of its own for each test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / f"queries_of_{tmp_path.name}"
    folder.mkdir()
    (folder / "__init__.py").touch()
    return folder


def test_a_block_is_an_attribute_without_its_comments(package: Path) -> None:
    (package / "queries.sql").write_text(
        "-- name: first\n-- Says what it is for,\n-- in two lines.\nSELECT 1,\n  ';' AS kept -- a remark;\n;\n\n"
        "-- name: second\n-- Another.\nSELECT 2\n"
    )
    queries = load_queries(package.name)
    assert queries.first == "SELECT 1,\n  ';' AS kept -- a remark;"
    assert queries.second == "SELECT 2"
    with pytest.raises(AttributeError, match="third"):
        _ = queries.third


def test_a_folder_of_files_is_one_set_of_names(package: Path) -> None:
    (package / "queries").mkdir()
    (package / "queries" / "a.sql").write_text("-- name: one\n-- It.\nSELECT 1;\n")
    (package / "queries" / "b.sql").write_text("-- name: two\n-- It.\nSELECT 2;\n")
    queries = load_queries(package.name)
    assert (queries.one, queries.two) == ("SELECT 1", "SELECT 2")
    (package / "queries" / "b.sql").write_text("-- name: one\n-- It.\nSELECT 2;\n")
    with pytest.raises(QueryError, match="one"):
        load_queries(package.name)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-- name: bare\nSELECT 1;\n", "description"),
        ("-- name: empty\n-- It does nothing.\n", "not one statement"),
        ("-- name: several\n-- It does two things.\nSELECT 1;\nSELECT 2;\n", "not one statement"),
        ("SELECT 0;\n-- name: late\n-- Something stands before the first name.\nSELECT 1;\n", "before"),
    ],
)
def test_a_block_without_description_or_with_more_or_less_than_one_statement_is_refused(
    package: Path, text: str, why: str
) -> None:
    (package / "queries.sql").write_text(text)
    with pytest.raises(QueryError, match=why):
        load_queries(package.name)
