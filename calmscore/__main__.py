"""``python -m calmscore`` does what the command ``calmscore`` does."""

from calmscore.cli import main

main()
