"""Templates: the texts that a bureau or province writes for its own notices, and the sandbox that they run in."""
