"""Measure the suite itself: misreadings killed, false alarms, trivial candidates."""
