"""The one door to any model: choose the backend, call, settle, record."""
