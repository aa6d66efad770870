"""What a template is made of: Liquid, MJML, blocks, languages, and the links in it."""
