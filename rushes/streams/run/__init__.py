"""`rushes run`: the whole pipeline in one process, on a person's own files."""
