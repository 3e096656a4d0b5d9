"""Head-to-head matches (匹配对战): tickets and pairing, the clock of a match, recorded opponents, challenges, live push."""
