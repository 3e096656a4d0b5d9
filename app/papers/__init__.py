"""Papers and answers of every kind, and `officer_day`: the hot path."""
