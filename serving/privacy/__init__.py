"""Requests of people about what is kept of them."""
