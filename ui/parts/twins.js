// Pairs of customers that may be one: both side by side, what differs marked, what speaks for it, and what can be done.
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".twins")
  const make = (tag, css, text) => {
    const node = document.createElement(tag)
    if (css) node.className = css
    if (css === "icon") node.setAttribute("aria-hidden", "true")
    if (text !== undefined && text !== null) node.textContent = text
    return node
  }
  const visit = (css, icon, label, address) => {
    const link = make("a", css)
    link.href = address
    link.dataset.visit = ""
    if (icon) link.append(make("span", "icon", icon))
    link.append(label)
    return link
  }
  const side = pieces => {
    const cell = make("dd")
    for (const [text, differs] of pieces) cell.append(differs ? make("mark", "", text) : text)
    if (!pieces.length) cell.append(make("span", "quiet", "–"))
    return cell
  }
  const cards = data.pairs.map(pair => {
    const card = make("article"), head = make("header"), signs = make("div", "signs"), body = make("dl"), acts = make("footer")
    head.append(make("span", "tag " + pair.tone, pair.certainty), signs)
    for (const sign of pair.signs) signs.append(make("span", "tag", sign))
    const names = make("div", "line names")
    const both = make("div", "both")
    for (const { pieces, href } of pair.names) {
      const cell = side(pieces), link = visit("", "", "", href)
      link.replaceChildren(...cell.childNodes)
      cell.replaceChildren(link)
      both.append(cell)
    }
    names.append(make("dt", "", data.name), both)
    body.append(names)
    for (const [label, one, other] of pair.lines) {
      const line = make("div", "line"), values = make("div", "both")
      values.append(side(one), side(other))
      line.append(make("dt", "", label), values)
      body.append(line)
    }
    if (pair.note) acts.append(make("span", "quiet", pair.note))
    if (pair.button) {
      const button = make("button", "button", pair.button)
      button.prepend(make("span", "icon", pair.icon))
      button.type = "button"
      button.onclick = () => { button.disabled = true; setTriggerValue("decided", pair.id) }
      acts.append(button)
    }
    if (pair.href) acts.append(visit("button primary", "merge", data.merge, pair.href))
    card.append(head, body, acts)
    return card
  })
  const pages = make("nav", "pages")
  for (const one of data.pages) pages.append(one.href ? visit("", "", one.text, one.href) : make("span", one.now ? "now" : "quiet", one.text))
  root.replaceChildren(make("p", "count", data.count), ...cards, ...(data.pages.length ? [pages] : []))
}
