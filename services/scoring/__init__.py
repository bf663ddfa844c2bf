"""Scoring owns facts and scores from 350 to 950.

It promises that the same facts give the same score, that every score can say why (it is a sum of named points), and
that a person can read everything behind it, dispute it, and have it put right as if it had never been wrong. It never
learns anything about a person who has not consented, and answers no purpose but deposits. It is told facts by events
and asked for admittance by deposits alone.
"""
