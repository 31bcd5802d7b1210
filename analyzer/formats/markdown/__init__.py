"""The report in markdown, a file a section."""
