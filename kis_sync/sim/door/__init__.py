"""How a request comes in and an answer goes out: sockets, time on the way, the call limit, the log.

This room changes when there is another way in.
"""
