"""Schedules: tasks that run at times of a calendar or at intervals, each slot once, whichever worker fires it."""
