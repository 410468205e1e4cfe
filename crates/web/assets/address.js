// After a form was answered with a page: puts that page's own address into the bar, so that reloading does not send the form again.

const address = document.querySelector("[data-address]")?.dataset.address;
if (address) history.replaceState(null, "", address);

// A refused form: the summary of what to mend is read out first.
document.querySelector("[data-focus]")?.focus();

// A long list of rooms begins where the reader is. Scrolling the link into view would make the Tab key go on from there, past the skip link.
const rooms = document.querySelector("#rooms");
const here = rooms?.querySelector("[aria-current]");
if (here) rooms.scrollTop += Math.max(0, here.getBoundingClientRect().bottom - rooms.getBoundingClientRect().bottom);
