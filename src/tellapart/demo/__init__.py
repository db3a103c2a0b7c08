"""Demo: a furniture set drawn on the spot."""
