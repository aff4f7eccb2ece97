"""What data planes report of themselves: a window of counts, totals since the start, the last traces; all bounded."""
