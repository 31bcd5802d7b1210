"""The package's version, the same as in setup.cfg."""

VERSION = "0.1.0"
