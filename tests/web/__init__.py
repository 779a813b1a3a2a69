"""The gate, the plain pages and the start, tried on the real application in a process of its own."""
