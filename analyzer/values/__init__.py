"""Plain frozen values that the stages hand to each other, with nothing of torch in them."""
