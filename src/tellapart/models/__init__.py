"""Models: networks, pretrained backbones, the training loop and the ladder's recipes."""
