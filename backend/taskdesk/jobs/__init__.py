"""Jobs, from submit to expiry, without HTTP: what web, worker and command line agree on."""
