"""The doors: each turns one protocol's words into the hub's, and can be deleted without touching another."""
