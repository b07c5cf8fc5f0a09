"""What an export changes or leaves out on request, what is said of that beside it, and a look at it before."""
