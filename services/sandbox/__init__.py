"""Stand-ins for what belongs to others: the ID registry, payment processors, the SMS carrier, bureaus.

Each is a process of its own behind HTTP on the loopback, so that the services meet them as they will meet the real
ones: over a socket, with a secret, with answers that come late, twice or never. They promise to behave as README.md
says, and to keep what they acknowledged. They never see the services' databases, and import `services.values` only.
"""
