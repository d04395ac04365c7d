"""`make run`: all programs in one terminal."""
