"""Group commit: who waits for what, and that a group is there as a whole or not at all."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.sandbox.hosting import ApiError
from services.sandbox.processor.journal import Journal

SCHEMA = "CREATE TABLE IF NOT EXISTS entries (name TEXT PRIMARY KEY CHECK (name <> 'bad')) STRICT;"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite3", SCHEMA)
    yield opened
    opened.close()


def entries(journal: Journal) -> set[str]:
    return {name for (name,) in journal.connection.execute("SELECT name FROM entries")}


def adding(journal: Journal, name: str) -> str:
    journal.connection.execute("INSERT INTO entries (name) VALUES (?)", (name,))
    return name


async def test_an_answer_comes_after_its_commit(journal: Journal) -> None:
    assert await journal.run(lambda: adding(journal, "a")) == "a"
    assert not journal.connection.in_transaction


async def test_work_of_one_turn_shares_one_commit(journal: Journal) -> None:
    commits: list[str] = []
    journal.connection.set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)
    await asyncio.gather(*(journal.run(lambda name=str(n): adding(journal, name)) for n in range(20)))
    assert len(entries(journal)) == 20
    assert len(commits) == 1


async def test_a_reader_waits_for_what_it_saw(journal: Journal) -> None:
    writer = asyncio.ensure_future(journal.run(lambda: adding(journal, "a")))
    reader = asyncio.ensure_future(journal.run(lambda: entries(journal)))
    await asyncio.sleep(0)
    assert journal.connection.in_transaction
    assert not reader.done()
    assert await reader == {"a"}
    await writer


async def test_a_refusal_spoils_nothing_for_the_others(journal: Journal) -> None:
    def refuse() -> None:
        raise ApiError(409, "no", "no")

    added, refused = await asyncio.gather(
        journal.run(lambda: adding(journal, "a")), journal.run(refuse), return_exceptions=True
    )
    assert added == "a"
    assert isinstance(refused, ApiError)
    assert entries(journal) == {"a"}


async def test_a_failure_undoes_its_group_and_tells_each_of_it(journal: Journal) -> None:
    answers = await asyncio.gather(
        *(journal.run(lambda name=name: adding(journal, name)) for name in ("a", "bad", "b")), return_exceptions=True
    )
    told = [name for name in answers if isinstance(name, str)]
    assert isinstance(answers[0], RuntimeError)
    assert isinstance(answers[1], sqlite3.IntegrityError)
    assert entries(journal) == set(told)
    assert await journal.run(lambda: adding(journal, "later")) == "later"


async def test_a_caller_who_leaves_takes_nobody_along(journal: Journal) -> None:
    leaver = asyncio.ensure_future(journal.run(lambda: adding(journal, "a")))
    stayer = asyncio.ensure_future(journal.run(lambda: adding(journal, "b")))
    await asyncio.sleep(0)
    assert leaver.cancel()
    assert await stayer == "b"
    assert entries(journal) == {"a", "b"}


def test_a_second_process_is_refused(journal: Journal, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "journal.sqlite3", timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("SELECT name FROM entries")
    other.close()
