"""The simulator: a small Korean broker in one process, reached over HTTP or in process.

A second reading of KIS's documents, apart from the client's. This room changes when its public names do.
"""

from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.gate import Gate
from kis_sync.sim.faults import Fault, Faults
from kis_sync.sim.oauth import Customer
from kis_sync.sim.prices.market import Market
from kis_sync.sim.simulator import Simulator

__all__ = ["Assumptions", "Customer", "Fault", "Faults", "Gate", "Market", "Simulator"]
