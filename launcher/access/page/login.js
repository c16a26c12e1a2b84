// Turns a login link's code, or a token that was typed in, into the cookie that the dashboard comes with.
//
// The code stands behind the link's #, which browsers send to nobody. It works once; it leaves the address bar and the
// history before it is sent.

const said = document.getElementById("said");

async function logIn(secret) {
  said.textContent = "";
  try {
    const answer = await fetch("/api/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ secret }),
    });
    if (answer.ok) return location.replace("/");
    said.textContent = (await answer.json()).error;
  } catch {
    said.textContent = "The scheduler does not answer; is the cluster still up?";
  }
}

document.getElementById("form").addEventListener("submit", (event) => {
  event.preventDefault();
  logIn(document.getElementById("secret").value.trim());
});

const code = location.hash.slice(1);
if (code) {
  history.replaceState(null, "", "/login");
  logIn(code);
}
