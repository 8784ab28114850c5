"""A board at the end of a serial line: `wakesmith device` and `wakesmith monitor`."""
