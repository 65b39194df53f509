"""The event log: its columns, its stream, and the drain from one to the other."""
