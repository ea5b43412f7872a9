"""The brain for agents: tools over the Model Context Protocol, on standard streams or over HTTP."""
