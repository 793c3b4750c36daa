"""Turn artifacts into one `Report`, and the report into HTML, Markdown and terminal text."""
