// The process tree.
