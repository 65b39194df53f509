"""In-aisle offers: asked for with what a phone heard, answered with a reserved coupon or a reason."""
