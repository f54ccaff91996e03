"""The JSON contract: what stands in each document and event, declared once, for types alone.

Keys may be added; those that are here stay. docs/json.md and the JSON Schemas beside it are made from these classes,
type checkers hold the code to them, and tests hold every document that they see to the schemas. The text after a key
says what it is, in Markdown.
"""
