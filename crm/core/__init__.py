"""The constitution, changed rarely: rights, the unit of work, verbs, jobs, errors, languages, clock, money, settings."""
