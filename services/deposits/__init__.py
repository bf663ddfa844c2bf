"""Deposits owns partners' thresholds, waivers, holds, the ledger and the payment processor.

It promises that money is conserved, that a deposit is never taken twice and never lost, and that it alone decides on
waivers. It compares no score when it decides, never calls the processor inside a transaction, and tells nobody a score.
"""
