"""What a training run learns, one file a model."""
