"""Who takes part: units, officers, assignments, exemptions, signing in, and who may see what."""
