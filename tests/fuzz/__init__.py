"""Strangers at both doors: mutated answers for the client, mutated requests for the simulator."""
