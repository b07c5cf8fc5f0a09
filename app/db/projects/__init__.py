"""The tables of projects, and what makes a row belong to one."""
