"""The HTTP/1.1 server on gevent: strict parsing, time limits, one packet per answer."""
