"""Freehold's own code: one package per service, over `runtime`, over `values`."""
