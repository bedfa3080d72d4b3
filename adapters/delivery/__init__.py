"""Carries what `exchange` says is due: leases lanes, sends with no transaction open, records the outcome.

loop.py ...... the worker: lease, send each row of a lane in order, record with the fence
routes.py .... which function carries a destination
answers.py ... which verb of a room hears what the peer said
sms.py ....... one-time codes and notices to the SMS gateway
webhook.py ... what a hospital's own system hears of its settlements
signed.py .... the signed webhook that both of them are
"""
