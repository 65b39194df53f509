"""Emails: what their blocks show, and where their links lead."""
