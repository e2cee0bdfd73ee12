"""Online clustering of one kind in one library: who is who, where is where, without a hand-set threshold."""
