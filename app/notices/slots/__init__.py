"""Slots of a day: what is held back (暂缓本时段), released or dropped."""
