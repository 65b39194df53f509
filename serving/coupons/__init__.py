"""What tills and shoppers do with coupons."""
