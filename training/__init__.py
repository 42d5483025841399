"""Training: data, synthetic data, losses and loops."""
