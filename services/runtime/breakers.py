"""A circuit breaker for a neighbour outside: after some silences in a row it is left alone for a while."""

from __future__ import annotations

from contextlib import suppress

from circuitbreaker import CircuitBreaker
from opentelemetry import metrics

_meter = metrics.get_meter("freehold")
_opened = _meter.create_counter("freehold.breaker.opened", unit="{opening}", description="Breakers that opened")

SILENCES, PAUSE_SECONDS = 8, 5


class _Silence(Exception):
    """No answer came."""


class NeighbourBreaker:
    """Opens after eight silences in a row, for five seconds; then one more silence opens it again."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._breaker = CircuitBreaker(SILENCES, PAUSE_SECONDS, _Silence, name)

    def allows(self) -> bool:
        """Whether the neighbour may be asked."""
        return not self._breaker.opened

    def heard(self, answered: bool) -> None:
        """Counts an answer or a silence."""
        was_open = self._breaker.opened
        with suppress(_Silence), self._breaker:
            if not answered:
                raise _Silence
        if self._breaker.opened and not was_open:
            _opened.add(1, {"neighbour": self._name})
