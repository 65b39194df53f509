"""The rights of people: what is kept of one, how it is taken out, and who must not come back."""
