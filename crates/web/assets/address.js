// After a form was answered with a page: puts that page's own address into the bar, so that reloading does not send the form again.

const address = document.querySelector("[data-address]")?.dataset.address;
if (address) history.replaceState(null, "", address);

// A refused form: the summary of what to mend is read out first.
document.querySelector("[data-focus]")?.focus();

// A long list of rooms begins where the reader is.
document.querySelector("#rooms [aria-current]")?.scrollIntoView({ block: "nearest" });
