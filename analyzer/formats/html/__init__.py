"""The report as one HTML page that needs no network: totals, layers, map, and advice that can be tried out."""
