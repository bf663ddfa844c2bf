"""Rental owns price plans, fleets (assets, stations, zones) and rentals: scan, rent, ride, return, pay.

It promises that a rental is in exactly one state, that an asset has at most one open rental, that a repeated command
acts once, and that a crash between any two steps is finished or undone by the sweeper. It never decides about waivers,
never touches money beyond naming the charge, and never sees a score: deposits does that, and rental asks.
"""
