"""Plain HTTP: the gate, sign-in and sign-out, health. Everything that is not a screen."""
