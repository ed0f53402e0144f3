"""What KIS's documents say about each API, as data: paths, TR ids, parameters, answers."""

from kis_sync.catalog.endpoint import Call, Effect, Endpoint, Mode, Parameter
from kis_sync.catalog.loader import endpoint, endpoints, find, response_fields

__all__ = [
    "Call",
    "Effect",
    "Endpoint",
    "Mode",
    "Parameter",
    "endpoint",
    "endpoints",
    "find",
    "response_fields",
]
