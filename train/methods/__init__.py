"""Methods of other papers and the student, one file each: losses, and modules that only training needs."""
