"""A breaker opens after silences in a row, and one answer closes it."""

from __future__ import annotations

from services.runtime.breakers import SILENCES, NeighbourBreaker


def test_silences_in_a_row_open_it() -> None:
    breaker = NeighbourBreaker("processor")
    for _ in range(SILENCES - 1):
        breaker.heard(answered=False)
    assert breaker.allows()
    breaker.heard(answered=False)
    assert not breaker.allows()


def test_an_answer_in_between_keeps_it_closed() -> None:
    breaker = NeighbourBreaker("processor")
    for _ in range(3):
        for _ in range(SILENCES - 1):
            breaker.heard(answered=False)
        breaker.heard(answered=True)
    assert breaker.allows()
