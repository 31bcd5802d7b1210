"""Which positions of the input each value reads."""
