"""Programs that export a table and print what they did as JSON, without the time that Python takes to start."""
