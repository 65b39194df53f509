"""Answers: the HTTP service that joins the artifact with live state."""
