"""What every package stands on: clock, settings, database, batching, errors, HTTP, security."""
