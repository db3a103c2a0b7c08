"""What a run logs to TensorBoard or MLflow while it climbs, through their own clients."""
