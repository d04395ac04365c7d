"""The process that watches: it registers, sends heartbeats, takes commands, and never runs a job."""
