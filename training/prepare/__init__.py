"""Turns public data into the formats that everything else reads."""
