"""What training changes in pictures and their label maps."""
