"""The page that `app.py` serves: `tabs` has its tabs, `opening` the example that it opens with, `guard` what keeps
strangers within limits. `models` has what the tabs share, `session` what belongs to a visitor, and `files` takes
uploads in.

Only files below here and `app.py` import gradio. What is computed or drawn has its function elsewhere in the package.
"""
