"""Changes to the schema, one file each, in order; `features.sql.engine.migrate` runs them."""
