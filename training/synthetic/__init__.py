"""A procedural cabin: a seated driver doing the 34 activities, in the Drive&Act layout."""
