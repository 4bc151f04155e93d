"""Redis behind ports. Only this package names keys."""
