"""What tests are made of: places, packages, machines, crashes, shells and the command as a user runs it."""
