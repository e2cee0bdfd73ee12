"""What a person sees in the terminal: progress while it runs, tables at the end. Knows nothing of the pipeline."""
