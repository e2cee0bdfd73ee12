"""`python -m rushes.streams.cli`: the same as `rushes`."""

from rushes.streams.cli.app import main

main()
