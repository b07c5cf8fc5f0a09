"""Writers of answers for the web side: the generation process of this machine, and servers of the OpenAI protocol.

Both are a `models.chat.writing.Writer`.
"""
