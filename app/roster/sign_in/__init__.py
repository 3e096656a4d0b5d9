"""Signing in and out, passwords, one-time links, and the lock-out."""
