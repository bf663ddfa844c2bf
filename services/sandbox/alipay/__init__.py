"""Alipay's stand-in: fund authorization as the open platform gateway speaks it, RSA2 both ways. See ../README.md.

It owns what is frozen, paid and paid back, in one SQLite file, and a key pair of its own, both in its home. Who calls
signs with the app's key; whatever it says is signed with its own. The renter's phone is a call under `/_sandbox`.
"""
