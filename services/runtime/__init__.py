"""Process plumbing that every service shares; it knows no service's words.

Databases and migrations, batches and outboxes, servers and channels, certificates, telemetry and logs.
"""
