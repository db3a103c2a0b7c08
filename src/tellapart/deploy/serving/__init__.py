"""The parts of the server: what comes in, what it may cost, who answers, what is told."""
