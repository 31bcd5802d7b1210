"""Which channels each value carries, and which layers rely on their order."""
