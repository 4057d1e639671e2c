"""What the page says."""

KEEP_SECONDS = 3600  # uploads of this age are deleted every so many seconds, and all of them when the app stops

TITLE = 'Same person, other clothes'
INTRO = f"""# {TITLE}
Two models look for one person among photos of many. **IFD** (Identity-aware Feature Decoupling) is trained to go by
*who* is seen, whatever they wear; the **baseline** is such a network without it. This example is answered already:"""
KEPT = """Your photos go to the computer that runs this page and no further, and are deleted soon after you leave."""
EXAMPLES_HEADING = """## Try an example
Rendered people. The gallery shows each of them in three other outfits, and strangers in similar clothes; the number
after *p* in a file name is the person."""
CROP = 'Crop what I upload to the person'
WELCOME = """**Your results appear here.** Click an example, or give a photo of one person and a gallery to look for
that person in.
1. **Clothing.** A human parser finds what each person wears.
2. **Attention.** One stream of the network sees the photo without the clothing, and learns where identity is.
3. **Ranking.** The other stream sees the whole photo through it; its features are compared."""
LEGEND = """*Attention* is where the model looks for who it is, *Grad-CAM* what makes a photo a match: dark is ignored,
bright attended, on a scale of each photo's own. Clothing is tinted blue."""
PRIVACY = f"""Photos stay on the machine that runs this page: they lie in a temporary folder for at most
{2 * KEEP_SECONDS // 3600} hours and are sent nowhere. A high similarity is a hint and no proof of identity: search only
for people who agreed to it, never to find out who a stranger is, and let a human decide."""

CHANGE = """# Change the clothes, not the person
Colours and patterns are put on what the parser takes for clothing; folds and shadows stay. Then see how far the
similarities move: those of a model that looks at people should hardly."""
MEASURE = """How far do the similarities move? The gallery is that of the tab Rank, or the examples when nothing is
there."""
WARDROBE = 'Over a fixed set of twelve changes of clothes the similarities move, on average,'
MEASURED = """**Clothing sensitivity** S: the mean absolute change of similarity over the changes *e* of a fixed
wardrobe and all gallery photos *g*, S = 1/(E·G) · Σₑ Σ_g | cos(f(qₑ), f(g)) − cos(f(q), f(g)) |. 0 is a model that
does not heed clothes at all."""
COMPARE = """# The same person, or the same clothes?
Three photos, two models. The colours are Grad-CAM: which places make a photo similar to the anchor (of the anchor
itself: to the same person). In each example IFD tells the two people apart by more than the baseline does; the bars
say what that decision rests on."""
MASKS = """# What does the model need?
The parser's classes lie over the photo. **Hide** the face, the clothes or the background, and see whether the right
person is still found. Or correct the mask: paint with the colour of a class to correct it, black where there is only
background; the eraser takes back what you painted. Then rank again and see what it changes."""
MASK_KEY = 'Brush colours, in the order of the palette:'
PARSERS = 'The network that tells clothes from skin and hair. Others than the first are fetched when they are chosen.'
MODELS = """# Models
Load another one: click it in the table, or give the folder of a release, or `hf-hub:organisation/name`.
 Until it is there, and if it fails, the others keep working."""
