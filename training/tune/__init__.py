"""Searching for better settings of a training."""
