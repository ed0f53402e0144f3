"""Domestic stocks: quotes, charts, account, orders."""
