"""The same features at any past moment, as Polars expressions over the event log."""
