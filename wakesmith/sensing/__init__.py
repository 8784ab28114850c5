"""`wakesmith sensitivity`: which part of which layer stands fewer bits."""
