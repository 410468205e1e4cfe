// While a job runs: looks again every few seconds, unless somebody is about to do something on the page.

const busy = () => document.querySelector("details[open], form[data-typed]") !== null;

addEventListener("input", (event) => event.target.form?.setAttribute("data-typed", ""));

if (document.querySelector("[data-running]")) {
  setInterval(() => {
    if (!busy() && !document.hidden) location.reload();
  }, 3000);
}
