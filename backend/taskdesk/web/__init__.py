"""The web: pages and API over the jobs. It learns about tasks only from what the workers announce."""
