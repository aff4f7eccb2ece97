"""Who may reach what: the language of `Access`, its compiled form, and the decision."""
