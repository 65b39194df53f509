"""Learns: reads the event log, fits the models, gates them and publishes an artifact."""
