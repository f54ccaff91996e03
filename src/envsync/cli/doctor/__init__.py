"""The command ``doctor``: what it observes of the machine, how it judges that, and how it shows it."""
