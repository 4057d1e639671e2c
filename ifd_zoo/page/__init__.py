"""The tabs of the page that `app.py` serves, one file each. `models` has what they share, `session` what belongs to a
visitor, and `files` takes uploads in.

Only files here and `app.py` import gradio. What is computed or drawn has its function elsewhere in the package.
"""
