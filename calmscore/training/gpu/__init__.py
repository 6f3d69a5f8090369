"""Training of the emotion network on a GPU, in PyTorch; it needs that and no prepared copies."""
