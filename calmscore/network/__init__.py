"""The network: its layers, the trained classifier, pretrained weights."""
