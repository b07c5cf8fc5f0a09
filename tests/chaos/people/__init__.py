"""Those who use the studio while parts of it are killed."""
