"""The ledger of coupons: what was promised, what was used, and what is left to spend."""
