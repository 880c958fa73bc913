"""The HTTP front of dispatch: sockets, dialects, streaming, back-pressure."""
