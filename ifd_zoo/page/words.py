"""What the page says."""

from ifd_zoo.explain import CLOTHING_COLOUR, INFERNO

KEEP_SECONDS = 3600  # uploads of this age are deleted every so many seconds, and all of them when the app stops

TITLE = 'Same person, other clothes'
INTRO = f"""<h1>{TITLE}</h1><p>IFD ranks photos by <b>who</b> is in them and not by what they wear. Click an example,
or give a photo of one person and a gallery to look for that person in.</p>"""
EXAMPLES_HEADING = """<h3>Try an example</h3><p>Rendered people. The gallery shows each of them in three other outfits,
and strangers in similar clothes; the number after <i>p</i> in a file name is the person.</p>"""
WELCOME = """<p><b>Results appear here.</b></p><ol>
<li><b>Clothing.</b> A human parser finds what each person wears.</li>
<li><b>Attention.</b> One stream of the network sees the photo without the clothing, and learns where identity is.</li>
<li><b>Ranking.</b> The other stream sees the whole photo through it; its features are compared.</li></ol>"""
RAMP = f'linear-gradient(90deg, {", ".join(f"rgb{colour}" for colour in INFERNO)})'
LEGEND = f"""<span><span class="ramp" style="background: {RAMP}"></span> attention, from ignored to attended (contrast
stretched per photo), or Grad-CAM</span> <span><span class="ramp" style="background: rgb{CLOTHING_COLOUR};
width: 1.4rem"></span> clothing</span>"""
PRIVACY = f"""Photos stay on the machine that runs this page: they lie in a temporary folder for at most
{2 * KEEP_SECONDS // 3600} hours and are sent nowhere. A high similarity is a hint and no proof of identity: search only
for people who agreed to it, never to find out who a stranger is, and let a human decide."""

CHANGE = """### Change the clothes, not the person
Colours and patterns are put on what the parser takes for clothing; folds and shadows stay. Then see how far the
similarities move: those of a model that looks at people should hardly."""
MEASURED = """**Clothing sensitivity** S: the mean absolute change of similarity over the changes *e* of a fixed
wardrobe and all gallery photos *g*, S = 1/(E·G) · Σₑ Σ_g | cos(f(qₑ), f(g)) − cos(f(q), f(g)) |. 0 is a model that
does not heed clothes at all."""
COMPARE = """### The same person, or the same clothes?
Three photos, two models. The colours are Grad-CAM: which places make a photo similar to the anchor (of the anchor
itself: to the same person). On the examples the baseline is fooled by the clothes."""
MASKS = """### What counts as clothing
The parser's classes lie over the photo. Paint with the colour of a class to correct it, black where there is only
background; the eraser takes back what you painted. Then rank again and see what it changes."""
PARSERS = 'Others than the first are fetched from the Hub when they are chosen.'
MODELS = """### Models
All that the zoo has. Load another one by its name in the table, by the folder of a release, or from the Hub as
`hf-hub:organisation/name`. Until it is there, and if it fails, the others keep working."""
