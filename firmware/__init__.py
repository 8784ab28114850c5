"""The C that runs on the board, its boards, and the Python that builds it."""
