// What can be done from the page. Each button first shows the command line it stands for, and asks.
import { element } from "./tables.js";

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  const reply = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(reply.error ?? `the scheduler answered ${response.status}`);
  return reply;
}

const box = document.getElementById("confirm");

// Shows `command` (or what stands against it) and calls `act` when it is confirmed.
function ask(title, command, act) {
  const said = element("p", { className: "said", role: "status" });
  const go = element("button", { type: "button", className: "go", text: title });
  const leave = element("button", { type: "button", text: "Leave it" });
  leave.addEventListener("click", () => box.close());
  go.addEventListener("click", async () => {
    go.disabled = true;
    try {
      await act();
      box.close();
    } catch (error) {
      said.textContent = error.message;
    }
  });
  box.replaceChildren(
    element("h2", { text: title }),
    element("p", { text: "The same at a terminal:" }),
    element("pre", {}, [element("code", { text: command })]),
    said,
    element("p", { className: "buttons" }, [leave, go]),
  );
  box.showModal();
  go.focus();
}

async function offer(title, path, body = {}) {
  try {
    const { command } = await post(path, { ...body, dry_run: true });
    ask(title, command, () => post(path, body));
  } catch (error) {
    ask(title, error.message, () => post(path, body));
  }
}

function button(text, title, path, body) {
  const made = element("button", { type: "button", text });
  made.addEventListener("click", () => offer(title, path, body));
  return made;
}

// Rebuilt only when the run or its state changes, so that a focused button stays.
export function showRunActions(target, run) {
  const key = `${run.run_id} ${run.ended !== null}`;
  if (target.dataset.key === key) return;
  target.dataset.key = key;
  const path = `/api/runs/${encodeURIComponent(run.run_id)}`;
  target.replaceChildren(run.ended === null
    ? button("Cancel", `Cancel ${run.run_id}`, `${path}/cancel`, { reason: "asked on the dashboard" })
    : button("Run again", `Run ${run.run_id} again`, `${path}/rerun`));
}

export function nodeAction(node) {
  const path = `/api/nodes/${encodeURIComponent(node.name)}`;
  if (node.state === "up") return button("Drain", `Drain ${node.name}`, `${path}/drain`);
  return node.state === "draining" ? button("Undrain", `Undrain ${node.name}`, `${path}/undrain`) : "";
}

// The form of a new run: a command line, ranks and nodes.
export function listenToSubmit(form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const data = new FormData(form);
    const words = data.get("command").match(/"[^"]*"|'[^']*'|\S+/g)?.map((word) => word.replace(/^(["'])(.*)\1$/, "$2")) ?? [];
    const body = { command: words };
    for (const name of ["ranks", "nodes"]) if (data.get(name)) body[name] = Number(data.get(name));
    if (data.get("name")) body.name = data.get("name");
    offer("Start the run", "/api/runs", body);
  });
}

// Scaling asks the provider for nodes; one that cannot says so.
export function listenToScale(form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const nodes = Number(new FormData(form).get("nodes"));
    offer(`Scale to ${nodes} nodes`, "/api/scale", { nodes });
  });
}
