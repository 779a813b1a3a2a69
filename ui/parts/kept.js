// What stands above a list: the saved filters, the conditions that narrow it (each with a cross), and what can be done with them.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".kept")
  const make = (tag, css, text) => {
    const node = document.createElement(tag)
    if (css) node.className = css
    if (css === "icon") node.setAttribute("aria-hidden", "true")
    if (text !== undefined && text !== null) node.textContent = text
    return node
  }
  const visit = (css, address, icon, text) => {
    const link = make("a", css)
    link.href = address
    link.dataset.visit = ""
    if (icon) link.append(make("span", "icon", icon))
    if (text) link.append(make("span", "said", text))
    return link
  }
  const saved = make("nav", "saved")
  for (const one of data.saved) {
    const link = visit(one.now ? "now" : "", one.href, one.icon, one.label)
    if (one.now) link.setAttribute("aria-current", "true")
    saved.append(link)
  }
  const row = make("div", data.chips.length ? "row full" : "row")
  for (const one of data.chips) {
    const pair = make("span", "pair")
    if (one.lead) pair.append(make("span", "lead", one.lead))
    const chip = make("span", "chip"), open = visit("", one.href, "", one.text), off = visit("off", one.off, "close", "")
    open.title = one.text
    off.setAttribute("aria-label", data.words.off + " " + one.text)
    off.title = data.words.off
    chip.append(open, off)
    pair.append(chip)
    row.append(pair)
  }
  for (const act of data.acts) row.append(visit("button bare", act.href, act.icon, act.label))
  const notes = data.notes.map(text => make("p", "note", text))
  root.replaceChildren(...(data.saved.length ? [saved] : []), row, ...notes)
}
