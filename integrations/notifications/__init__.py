"""Who is told what, and when: changes of state, in the app and by e-mail."""
