"""Pure vocabulary shared by every service: money, ids, callers, errors, clock. No I/O, no third-party protocol."""
