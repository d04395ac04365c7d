"""The parts that every program of ours needs: settings, start-up checks, connections, logs, errors."""
