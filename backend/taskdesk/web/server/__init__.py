"""HTTP/1.1 on gevent: strict requests, time limits, one packet per answer."""
