"""The version of the package, and of each part."""

VERSION = "0.1.0"
