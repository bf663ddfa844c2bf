"""The stand-in for WeChat Pay Score: its API v3 over HTTP, signatures and encrypted notices included.

It promises what the real one promises: an order number is used once, an order is completed once and for at most its
risk fund, and what was collected is in the bill of the day. Its renters do as the script says. Wire: `../README.md`.
"""
