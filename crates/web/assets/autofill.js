// Has the browser offer its passkeys beneath the field of the e-mail address. Where it cannot, or there are none, nothing happens: the
// button for passkeys is there in any case.

const form = document.getElementById("passkey-form");

function add(name, value) {
  const input = Object.assign(document.createElement("input"), { type: "hidden", name, value });
  form.append(input);
}

async function offer() {
  if (!form || !window.PublicKeyCredential?.parseRequestOptionsFromJSON) return;
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  const answer = await fetch(form.dataset.options, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (!answer.ok) return;
  const { step, options } = await answer.json();
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(options));
  const credential = await navigator.credentials.get({ mediation: "conditional", publicKey });
  add("step", step);
  add("credential", JSON.stringify(credential));
  form.action = form.dataset.finish;
  form.submit();
}

// Cancelled, or the page is left: the person signs in in another way.
offer().catch(() => {});
