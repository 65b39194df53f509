"""Knows: what is true of shoppers and items, now (Redis, SQL) and at any past moment (Polars over the event log)."""
