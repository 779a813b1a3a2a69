// The head of a page: title, one line, key figures, its actions (links that open a dialog by the address).
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".head")
  const make = (tag, css, text) => {
    const node = document.createElement(tag)
    if (css) node.className = css
    if (css === "icon") node.setAttribute("aria-hidden", "true")
    if (text !== undefined && text !== null) node.textContent = text
    return node
  }
  const names = make("div", "names")
  names.append(make("h1", "", data.title), ...(data.line ? [make("p", "", data.line)] : []))
  if (data.tags.length) {
    const tags = make("div", "marks")
    for (const [text, tone] of data.tags) tags.append(make("span", "tag " + tone, text))
    names.append(tags)
  }
  const acts = make("div", "acts")
  for (const act of data.acts) {
    const link = make("a", "button" + (act.primary ? " primary" : ""))
    link.href = act.href
    link.dataset.visit = ""
    if (act.icon) link.append(make("span", "icon", act.icon))
    link.append(act.label)
    if (act.key) { link.dataset.key = act.key; link.append(make("kbd", "", act.key.toUpperCase())) }
    acts.append(link)
  }
  const figures = make("div", "figures")
  for (const [label, value] of data.figures) {
    const one = make("div")
    one.append(make("span", "", label), make("b", "", value))
    figures.append(one)
  }
  const tabs = make("nav", "tabs")
  for (const tab of data.tabs) {
    const link = make("a", tab.now ? "now" : "", tab.label)
    link.href = tab.href
    link.dataset.visit = ""
    tabs.append(link)
  }
  root.replaceChildren(names, ...(data.acts.length ? [acts] : []), ...(data.figures.length ? [figures] : []), ...(data.tabs.length ? [tabs] : []))
}
