"""The straightforward build of StartRental: the same four services, one unary call and one statement per step.

It has the same checks (credentials, roles, validation, deadlines, mutual TLS), pool, uvloop, outbox and schema,
because it runs on the same runtime; what it lacks is batching and frames.
"""
