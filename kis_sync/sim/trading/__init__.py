"""The simulated brokerage: orders accepted and carried out, accounts that add up.

This room changes when KIS's rules of trading change.
"""
