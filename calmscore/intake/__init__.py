"""How recordings come in: one at a time, in the background, in batches, from folders."""
