"""Parts of a batch on several cores: how it is split, and the threads and the process that compute the parts."""
