"""What the web says of itself: metrics for Prometheus, health checks, the log of requests."""
