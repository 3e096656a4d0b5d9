"""Proofs and flags: recomputing what was counted, and what a person should look at."""
