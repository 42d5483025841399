"""Every run behind the paper's tables: what has to be done, doing it, measuring it at the end."""
