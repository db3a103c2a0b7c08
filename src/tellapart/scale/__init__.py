"""Scale: independent tasks on a pool of processes or on a Ray cluster, and bulk prediction and embedding by them."""
