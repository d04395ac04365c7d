"""How the web is observed: metrics for Prometheus, health checks, the log of requests."""
