// Puts the page's question to the browser's passkeys and sends the answer as the page's form.

const form = document.getElementById("passkey-form");
const start = document.getElementById("passkey-start");
const problem = document.getElementById("passkey-problem");
const isNew = form.dataset.ceremony === "create";

function tell(text) {
  document.getElementById("passkey-text").textContent = text;
  problem.hidden = false;
}

async function ask() {
  const options = JSON.parse(form.dataset.options);
  if (isNew) return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  start.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.hidden = true;
    start.disabled = true;
    try {
      const credential = await ask();
      form.elements.credential.value = JSON.stringify(credential);
      form.submit();
    } catch (error) {
      start.disabled = false;
      if (error.name === "InvalidStateError") tell("This device has a passkey for you already.");
      else tell("The browser gave no passkey: it was cancelled, took too long, or there is none for this site.");
    }
  });
} else {
  tell("This browser is too old for passkeys on this page. Update it, or use your password.");
}
