"""Who took part: standings, rankings, frozen days, reminders."""
