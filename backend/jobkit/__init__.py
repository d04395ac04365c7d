"""Jobs, without HTTP: what web, worker and tasks agree on."""

VERSION = "0.1.0"
