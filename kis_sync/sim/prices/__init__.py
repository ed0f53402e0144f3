"""The simulated market: listings at home and abroad, their prices, books, trades and charts at any instant.

All of it is a function of time and a seed. This room changes when the market is to move in another way.
"""
