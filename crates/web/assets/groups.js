// "All" and "None" beside each group of scopes.

for (const group of document.querySelectorAll("[data-group]")) {
  const boxes = group.querySelectorAll('input[type="checkbox"]');
  for (const button of group.querySelectorAll("[data-check]")) {
    button.addEventListener("click", () => {
      for (const box of boxes) box.checked = button.dataset.check === "all" && !box.hasAttribute("data-old");
    });
  }
  for (const row of group.querySelectorAll("[data-checks]")) row.hidden = false;
}
