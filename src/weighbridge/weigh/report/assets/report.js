// Filters, search and pages for the items, and the copy buttons. Text is only ever read from the page and moved as
// the nodes that are already there; nothing is parsed as HTML.
(() => {
  "use strict";
  const PAGE = 20;
  const at = (id) => document.getElementById(id);

  const copied = async (button) => {
    const source = at(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      getSelection().selectAllChildren(source);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };
  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", () => copied(button));
  }

  const list = at("item-list");
  if (!list) return;
  const rest = at("item-rest");
  const articles = [...list.children, ...(rest ? rest.content.children : [])];
  const items = articles.map((node, place) => ({
    node,
    place,
    outcomes: node.dataset.outcomes,
    tags: new Set(node.dataset.tags.split(" ")),
    order: Number(node.dataset.order),
    spread: Number(node.dataset.spread),
    id: node.querySelector("h3").textContent,
    words: null,
  }));
  const form = at("filters"), search = at("search"), who = at("filter-candidate"), how = at("filter-outcome");
  const differ = at("filter-differ"), sort = at("sort"), shown = at("shown"), pager = at("pager");
  const tags = [...form.querySelectorAll("select[data-tag]")];
  const fold = (text) => text.normalize("NFKC").toLowerCase();
  let page = 0, found = items;

  const ORDERS = {
    spread: (a, b) => a.place - b.place,
    order: (a, b) => a.order - b.order,
    id: (a, b) => a.id.localeCompare(b.id, undefined, { numeric: true }),
  };

  const matches = (item, needles, tagged) => {
    if (how.value) {
      const seen = who.value ? item.outcomes[Number(who.value)] : item.outcomes;
      if (!seen.includes(how.value)) return false;
    } else if (who.value && item.outcomes[Number(who.value)] === "-") return false;
    if (differ.value && (item.spread > 0) !== (differ.value === "differ")) return false;
    if (!tagged.every((key) => item.tags.has(key))) return false;
    if (!needles.length) return true;
    item.words ??= fold(item.node.textContent);
    return needles.every((needle) => item.words.includes(needle));
  };

  const draw = () => {
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    const first = page * PAGE, here = found.slice(first, first + PAGE);
    list.replaceChildren(...here.map((item) => item.node));
    const range = here.length ? `${(first + 1).toLocaleString("en")} to ${(first + here.length).toLocaleString("en")} of ` : "";
    shown.textContent = found.length
      ? `Showing ${range}${found.length.toLocaleString("en")} ${found.length === items.length ? "items" : "matching items"}.`
      : "No item matches. Clear the filters to see all.";
    at("page").textContent = `Page ${page + 1} of ${pages}`;
    at("previous").disabled = page === 0;
    at("next").disabled = page === pages - 1;
    pager.hidden = pages === 1;
  };

  const filter = () => {
    const needles = fold(search.value).split(/\s+/).filter(Boolean);
    const tagged = tags.map((select) => select.value).filter(Boolean);
    found = items.filter((item) => matches(item, needles, tagged)).sort(ORDERS[sort.value]);
    page = 0;
    draw();
  };

  const turn = (by) => {
    page += by;
    draw();
    at("items").scrollIntoView();
    list.querySelector("h3")?.setAttribute("tabindex", "-1");
    list.querySelector("h3")?.focus({ preventScroll: true });
  };

  let waiting = 0;
  search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
  form.addEventListener("change", (event) => { if (event.target !== search) filter(); });
  form.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  at("clear").addEventListener("click", () => { form.reset(); filter(); });
  at("previous").addEventListener("click", () => turn(-1));
  at("next").addEventListener("click", () => turn(1));
  form.hidden = false;
  draw();
})();
