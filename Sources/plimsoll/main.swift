// Entry of the program.
