// Names for what gradio leaves without one: to those who do not see it, a picture in a button says nothing.
() => {
    const name = () => {
        for (const list of document.querySelectorAll('#examples, .examples'))
            list.querySelectorAll('button.gallery-item:not([aria-label])').forEach((button, index) => {
                button.setAttribute('aria-label', `Example ${index + 1}`);
            });
        for (const empty of document.querySelectorAll('[aria-label="Empty value"]:not([role])'))
            empty.setAttribute('role', 'img');
        // A button around a button: the inner one uploads, so it is the one to be reached.
        for (const inner of document.querySelectorAll('button.icon-button :is(button, [tabindex])')) {
            const outer = inner.closest('button.icon-button');
            outer.setAttribute('role', 'group');
            outer.tabIndex = -1;
        }
    };
    new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
    name();
}
