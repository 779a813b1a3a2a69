"""The tests: promises by name, kept on both databases and in a real browser."""
