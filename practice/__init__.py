"""The practice tool: a small remote table with faults to switch on, so that Raccord can be tried without any account.

It is a tool like Notion, only that this installation serves it itself. Raccord's adapter `practice` speaks to it by HTTP and
knows nothing of what is in here. Nothing but `config` imports this package.

world       what a workspace does: reading and writing rows, one order of all changes
cells       what a column can hold
faults      the switches, and what each does to a request
keys        who may call, and for which workspace
api         the HTTP door, on the public host
views       the page where a person edits the table, on the tenant's host
guide       what the page tells of Raccord's side
giver       how a connection gets its key without a form
"""
