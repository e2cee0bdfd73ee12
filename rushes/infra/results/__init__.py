"""What a run leaves in its output folder: tables to read by machine, and a contact sheet to look at."""
