"""The artifact on disk: written by training, read by serving, and nothing else between the two."""
