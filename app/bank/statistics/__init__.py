"""How questions did: answers, share correct, discrimination, options taken, and which of them look wrong."""
