"""The memory that supervisor and child both map."""
