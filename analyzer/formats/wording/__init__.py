"""Numbers, amounts and decisions as people read them."""
