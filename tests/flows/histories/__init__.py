"""Histories: clients that suffer faults and write down what they were told, and a checker that believes nobody.

client.py .... one hospital window: what it does, what goes wrong and what it notes is decided by its seed
house.py ..... a hub of its own, with processes that are killed
checker.py ... what the notes and the books must have in common (pure)
"""
