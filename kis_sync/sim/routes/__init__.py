"""The simulated APIs, a file a subject: each turns a checked question into KIS's answer.

This room changes when another API is simulated.
"""
