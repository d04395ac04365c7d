"""Helpers of pages and templates: each works out what a page shows from its arguments alone."""
