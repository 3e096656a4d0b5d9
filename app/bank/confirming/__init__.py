"""Confirming the register's instruments: a legal officer says by name and day that a text is the present law."""
