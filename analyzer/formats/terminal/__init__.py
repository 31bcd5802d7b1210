"""Text for a terminal: a summary of each model, and a table of several."""
