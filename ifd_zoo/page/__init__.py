"""The tabs of the page that `app.py` serves, one file each; `desk` is what they share, `files` takes uploads in.

Only files here and `app.py` import gradio. What is computed or drawn has its function elsewhere in the package.
"""
