"""The network: `calls` asks models, `fetch` brings files and feeds."""
