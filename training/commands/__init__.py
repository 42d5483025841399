"""What `incab-train` can do, one file for each larger command."""
