"""Rules of the Korean exchanges as pure functions: ticks, price limits, hours, KIS's call limits."""
