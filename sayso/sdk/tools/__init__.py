"""Actions as tools for a model, whoever offers them: MCP, LangChain, OpenAI Agents, Pydantic AI."""
