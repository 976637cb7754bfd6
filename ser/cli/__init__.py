"""The command line: `arguments` reads it, `commands` does the work, the writers print."""
