"""Alerts: rules that watch the desk, and channels that their messages go to."""
