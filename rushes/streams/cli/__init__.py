"""The command line. Modules here import what they need when a command runs: `rushes --help` answers at once."""
