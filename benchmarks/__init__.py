"""What we claim, as ratios: the real doors against the fixed workloads of limits/, in one run on one server.

run.py ......... `onecard bench NAME`: a region of its own, both sides, the line with their ratio
reference.py ... the reference side: pgbench with the plain statements of a verb
load.py ........ our side: lean clients on raw sockets with requests made beforehand
population.py .. people, slots and bills enough for a run
hl7v2.py booking.py settlement.py   the requests of each door
"""
