"""The model room: it fits scorecards on tables of outcomes, offline, and says how good and how fair they are.

It knows scoring's domain and nothing else of the house; only the command knows it, and nothing that is served does. Its
libraries (pandas, scikit-learn, matplotlib) are the extra `freehold[fit]`. What it writes is a file that serving reads
with integers alone.
"""
