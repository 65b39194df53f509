"""Ingestion of events in Segment's shapes."""
