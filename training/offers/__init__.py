"""Learns how shoppers respond to coupons, and measures it."""
