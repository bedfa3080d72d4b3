"""What the region agrees on: nouns, rules, refusals, and the tables that hold them.

A room is handed a database session and facts, and either changes rows or raises a Fault. It opens
no socket, reads no environment and knows no protocol; the adapters speak for it.
"""
