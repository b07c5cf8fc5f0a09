"""Chat models: conversations, their template, answers drawn and streamed, and the service that owns one model.

Serving needs CTranslate2, a tokenizer and Jinja; torch is never imported here.
"""
