"""Deploy: the model file, and the runtime that needs no training framework."""
