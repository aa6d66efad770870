"""The pages that people see: plain HTML that needs no script, no picture and no other host."""
