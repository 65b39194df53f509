"""Campaigns: their life, what is wrong with them, whom they would reach."""
