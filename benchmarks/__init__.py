"""StartRental per second, beside pgbench on the same server and beside a plain unary build of the same chain.

load        the callers              population  renters, scores, bikes: equal for everyone who is measured
yardstick   pgbench                  peers/      the plain build
books       rows, invariants         report      the table and results/latest.json
"""
