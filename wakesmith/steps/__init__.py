"""What each stage does, one module each: the hash of a stage's code is that of its module."""
