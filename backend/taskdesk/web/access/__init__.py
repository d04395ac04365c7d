"""Who may do what: login, tokens, roles, trusted hosts, rate limits, audit."""
