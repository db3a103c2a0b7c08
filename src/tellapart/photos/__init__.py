"""Photos: found, decoded, checked, split, and turned into batches."""
