"""Scoring owns facts and scores from 350 to 950.

It promises that the same facts give the same score, and that every score can say why: it is a sum of named points. It
never learns anything about a person who has not consented, never reads a wall clock, and answers no purpose but
deposits. It is told facts by events and asked for admittance by deposits alone.
"""
