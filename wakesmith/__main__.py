"""`python -m wakesmith` is the same as the installed command."""

from wakesmith.cli import main

main()
