"""Pictures beside the report, as SVG."""
