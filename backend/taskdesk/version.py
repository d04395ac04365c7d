"""The version of the package: workers announce it, and the wheel has it."""

VERSION = "0.1.0"
