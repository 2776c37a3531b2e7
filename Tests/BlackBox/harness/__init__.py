"""What the black-box tests stand on: the server's process, the wire, clients that make load."""
