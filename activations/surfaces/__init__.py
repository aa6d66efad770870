"""What people see of us on our own surfaces: messages in an app, slots of the website, rows for a partner."""
