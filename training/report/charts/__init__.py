"""The report's drawings as SVG: what they show is also in a table, what they add is the look."""
