"""The payment processor's stand-in, modelled on manual capture at Stripe and Adyen. Wire format: ../README.md.

It owns payments (authorizations and charges) and its memory of idempotency keys, in one SQLite file. It promises that
an operation it acknowledged is there after `kill -9`, and that no key ever acts twice. It never stores a card number.

    python -m services.sandbox.processor --port 8400 --home DIR --secret-file PATH
"""
