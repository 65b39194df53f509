"""The transactional database: what cannot be rebuilt from the event log."""
