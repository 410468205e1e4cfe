// Shows the copy buttons, which are of no use without a script, and makes them copy.

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  const label = button.querySelector("[data-label]");
  const resting = label.textContent;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      label.textContent = "Copied";
    } catch {
      label.textContent = "Press Ctrl+C";
      const range = document.createRange();
      range.selectNodeContents(document.getElementById(button.dataset.from));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
    }
    setTimeout(() => (label.textContent = resting), 2000);
  });
}
