"""The generation process of a chat model, and the conversion of chat models to the form in which they are served."""
