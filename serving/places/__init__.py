"""Stores, zones and beacons over HTTP."""
