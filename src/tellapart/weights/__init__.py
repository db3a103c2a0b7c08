"""The weight store: which files of pretrained weights there are, which are here, and how they come. No Keras."""
