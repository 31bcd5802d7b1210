"""Example inputs: as asked for, as the file says, or guessed from the first layers."""
