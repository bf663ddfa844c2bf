"""Identity owns people, real-name verification, consent, partners and credentials.

It promises that one document is one account, that personal data is encrypted under a key of its own per person and
never logged, and that consent is the person's own act. It calls no other service: it tells scoring by events.
"""
