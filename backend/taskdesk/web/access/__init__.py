"""Access: login, tokens, roles, forms, rate limits and the audit lines."""
