"""What a user can hit on a machine, found by short checks, each with the command that mends it."""
