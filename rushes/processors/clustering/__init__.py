"""Online clustering: state as a fold over a library's log."""
