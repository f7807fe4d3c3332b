"""Show a parent, an employee or a student the students they may see; a relying app like any other."""
