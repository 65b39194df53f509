"""Where things are: stores, zones, beacons; and which zone a phone is in."""
