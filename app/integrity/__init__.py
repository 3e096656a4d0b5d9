"""Proofs: recomputing what was counted."""
