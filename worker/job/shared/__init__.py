"""A worker that several studios share: each has a process of its own, and they take turns at the machine."""
