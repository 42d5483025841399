"""What the first run needs, found with importlib.resources: models, demonstration clip, icons."""
