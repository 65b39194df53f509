"""Telling other systems what was said on consents and preferences."""
