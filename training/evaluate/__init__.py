"""Measuring recommendations on purchases that were held out."""
