"""Stripe's stand-in: its REST API for cards that are held and charged off-session. Wire format: docs.stripe.com/api.

It speaks the real protocol (forms with brackets, `Idempotency-Key`, the objects' JSON, `Stripe-Signature`), so that the
official SDK talks to it unchanged; what it leaves out and what it adds for tests stands in ../README.md. It keeps its
objects in one SQLite file and promises that what it acknowledged is there after `kill -9`, and that no key acts twice.

    python -m services.sandbox.stripe --port 8404 --home DIR --secret-file PATH
"""
