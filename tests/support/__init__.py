"""What the tests take from the machine: a PostgreSQL, a Chromium, the running application."""
