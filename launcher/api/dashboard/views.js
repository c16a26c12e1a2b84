// Which sections the address shows. Addresses that Dask's dashboard has lead to the view that answers the same.
const aliases = {
  "": "status", nodes: "topology", compare: "runs", timeline: "ranks", graph: "tasks", system: "tasks", workers: "tasks",
  "info/main/workers.html": "tasks",
};

export function currentView() {
  const path = location.pathname.replace(/^\/+|\/+$/g, "");
  return aliases[path] ?? path;
}

export function showView(hasRun) {
  const view = currentView();
  for (const section of document.querySelectorAll("[data-views]")) {
    const isHere = section.dataset.views.split(" ").includes(view);
    const needsRun = section.id === "run" || "needsRun" in section.dataset;
    section.hidden = !isHere || (needsRun && !hasRun) || section.dataset.off === "yes";
  }
  for (const link of document.querySelectorAll("#views a")) {
    if (link.getAttribute("href") === `/${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

// Links change the view without loading the page anew; the run that was picked stays.
export function followLinks(onChange) {
  document.getElementById("views").addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    history.pushState(null, "", link.getAttribute("href") + location.hash);
    onChange();
  });
  addEventListener("popstate", onChange);
}
