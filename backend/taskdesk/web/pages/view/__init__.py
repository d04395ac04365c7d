"""What the pages show, worked out without a request: pure helpers of pages and templates."""
