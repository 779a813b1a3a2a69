// A tree of links: a name, a quiet line under it, a number at the right; deeper branches stand further in.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".tree")
  const make = (tag, css, text) => {
    const node = document.createElement(tag)
    if (css) node.className = css
    if (css === "icon") node.setAttribute("aria-hidden", "true")
    if (text !== undefined && text !== null) node.textContent = text
    return node
  }
  const list = make("ul")
  for (const one of data.branches) {
    const line = make("li"), link = make("a", one.now ? "now" : ""), names = make("span", "names")
    line.style.paddingLeft = `${Math.min(one.depth, 6) * 1.1}rem`
    link.href = one.href
    link.dataset.visit = ""
    if (one.now) link.setAttribute("aria-current", "true")
    names.append(make("b", "", one.name))
    if (one.line) names.append(make("small", "", one.line))
    link.append(names, make("span", "count", one.count))
    line.append(link)
    list.append(line)
  }
  root.replaceChildren(list)
}
