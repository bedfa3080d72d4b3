"""The national insurer interface, served to hospitals.

Data ......... transactions/*.toml, codes/*.toml, regions/*.toml
tables.py .... validators and writers compiled from the field tables; region.py: what one province says differently
gateway.py ... signing; envelope.py: what requests and replies travel in; files.py: zipped statement files
arriving.py .. a call read in the order in which it may be believed; routes.py: the one path and the reply
refusing.py .. a refusal in the words of the message: node, field, what was found
identities.py  what amounts must add up to; reference.py: the pages of docs/reference/nhsa
served.py .... which function does which transaction; gathered.py: settlements that share a transaction
forwarding.py  what a platform further up settles, carried to it and back; upward*.py: spoken upward, swept, its files
The rest ..... one function a transaction, named after what it is about
"""
