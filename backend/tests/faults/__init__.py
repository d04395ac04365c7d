"""Faults on purpose: real workers and a real Redis are killed, stopped, slowed and cut off, and no job may be lost."""
