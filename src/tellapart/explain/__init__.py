"""What a model looks at: filters, activations, heat maps, the map of all photos. It works on model files alone."""
