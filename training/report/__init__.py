"""What a reproduction found, as one page for a browser and as Markdown."""
