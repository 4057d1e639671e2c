"""What every room uses and none owns: errors, files, tables, values that flags may have."""
