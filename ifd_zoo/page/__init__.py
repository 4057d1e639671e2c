"""The Gradio page served by `app.py`: its tabs (`tabs`), the opening example (`opening`), access and resource limits
(`guard`), the loaded models (`models`), per-visitor state (`session`) and uploads and downloads (`files`).

Only this package and `app.py` import gradio. Computation and drawing live elsewhere in `ifd_zoo`.
"""
