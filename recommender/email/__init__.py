"""Product blocks of emails: from decided items to JSON, HTML and plain text."""
