"""Models that are defined in Python files and importable modules."""
