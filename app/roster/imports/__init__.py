"""The roster as a spreadsheet: reading it, judging every row, writing all or nothing, handing out passwords."""
