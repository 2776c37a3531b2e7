// Entry of the extension.
