"""A small script behind the real gate: it offers a file to fetch and a place to put one, which no screen does for every role."""
