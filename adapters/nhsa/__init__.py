"""The national insurer interface, served to hospitals.

tables.py ...... transactions as data: validators and writers compiled from transactions/*.toml
region.py ...... what one province says differently: regions/*.toml, codes/*.toml
gateway.py ..... signing
envelope.py .... the envelope of requests and replies
files.py ....... zipped statement files
"""
