"""Published checkpoints and InCab's own, turned into model files that say what they want to see."""
