"""Documents of a contest: the numbered notice, briefs, the final report, and the list of candidates for commendation."""
