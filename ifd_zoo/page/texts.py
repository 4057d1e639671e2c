"""Texts of the page."""

KEEP_SECONDS = 3600  # age at which gradio deletes uploads, and its interval; all are deleted when the app stops

TITLE = 'Same person, other clothes'
INTRO = f"""# {TITLE}
Two models search for one person in photos of many people. **IFD** (Identity-aware Feature Decoupling) is trained to
recognize *who* it is, whatever they wear; the **baseline** is the same kind of network without it. An example:"""
KEPT = f"""Your photos go to the computer that runs this page and no further. They are deleted half a minute after you
leave, at the latest after {2 * KEEP_SECONDS // 3600} hours."""
EXAMPLES_HEADING = """## Try an example
These people are rendered. The gallery shows each of them in three other outfits, and strangers in similar clothes; the
number after *p* in a file name identifies the person."""
CROP = 'Crop what I upload to the person'
WELCOME = """**Your results appear here.** Click an example, or give a photo of one person and a gallery to search for
that person.
1. **Clothing.** A human parser finds what each person wears.
2. **Attention.** The attention stream of the network sees the photo without the clothing, and learns where identity is.
3. **Ranking.** The main stream sees the whole photo, weighted by this attention; its features are compared."""
LEGEND = """*Attention* shows where a model looks for identity, *Grad-CAM* what makes a photo a match: dark is ignored,
bright attended to; each photo has its own scale. Clothing is tinted blue."""
PRIVACY = f"""{KEPT} A high similarity is a hint, not proof of identity: search only for people who agreed to it,
never to find out who a stranger is, and let a human decide."""

CHANGE = """# Change the clothes, not the person
Colours and patterns are applied to what the parser takes for clothing; folds and shadows stay. Then see how far the
similarities move: for a model that looks at the person, they should hardly change."""
MEASURE = """How far do the similarities move? The gallery is the one in the tab Rank, or the examples if that is
empty."""
WARDROBE = 'Over a fixed set of twelve changes of clothes, the similarities move on average'
MEASURED = """**Clothing sensitivity** S: the mean absolute change of similarity over the changes *e* of a fixed
wardrobe and all gallery photos *g*, S = 1/(E·G) · Σₑ Σ_g | cos(f(qₑ), f(g)) − cos(f(q), f(g)) |. S is 0 for a model
that ignores clothes entirely."""
COMPARE = """# The same person, or the same clothes?
Three photos, two models. The colours are Grad-CAM: which regions make a photo similar to the anchor (for the anchor
itself: to the same person). In each example IFD separates the two people by a larger margin than the baseline; the
bars show which regions the similarity comes from."""
MASKS = """# What does the model need?
The parser's classes are drawn over the photo. **Hide** the face, the clothes or the background, and see whether the
right person is still found. Or correct the mask: paint with the colour of a class, or with black for background; the
eraser undoes what you painted. Then rank again and see what changes."""
MASK_KEY = 'Brush colours, in the order of the palette:'
PARSERS = 'The network that tells clothes from skin and hair. Others than the first are downloaded when chosen.'
MODELS = """# Models
Load another one: click it in the table, or give the folder of a release, or `hf-hub:organisation/name`.
 Until it is loaded, and if loading fails, the others keep working."""
MODELS_KEY = """The end of a name says what a model was trained on: *.synthetic* on rendered people, *.outfits* on more
of them in more clothes, *.photos* also on street photos. *cc*: how often the first match is right, and the mean
average precision, in percent, on people who have changed their clothes. *GFLOPs*: of the network alone, for one photo;
models with an attention stream (*ifd_resnet10t* and the like) also need the parser."""
