"""What the `lianbing` commands do, apart from reading their options."""
