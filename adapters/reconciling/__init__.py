"""`onecard reconcile DAY`: every hospital's lines of a day against the ledger, matched once and outside the database.

exporting.py ... both sides as Parquet, streamed out of PostgreSQL
matching.py .... one expression in Ibis: which settlements the two sides do not have alike; runs on DuckDB
journal.py ..... every amount of a day's settlements against what was said over the wire
day.py ......... the day from export to named differences

What kind of difference a settlement has is not decided here: its lines go to `hub.reconciliation`, which names it by
the same pure functions as it does for one hospital's statement.
"""
