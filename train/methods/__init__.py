"""Methods of other papers, a file for each: its losses, and the parts of it that training alone needs."""
