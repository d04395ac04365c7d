"""How any process of ours lives: settings, start-up checks, connections, logs, errors."""
