"""The process that forks the child and watches it. It registers, sends heartbeats, obeys commands, and runs no job."""
