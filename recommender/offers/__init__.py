"""Campaigns, the coupons they give, and whether to give one."""
