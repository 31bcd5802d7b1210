"""Files of tensors and of whole programs, opened without running code in them."""
