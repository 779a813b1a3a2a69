// A queue: each row names a record (a link that opens it) and has one button, by which the row is done.
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".queue")
  const make = (tag, css, text) => {
    const node = document.createElement(tag)
    if (css) node.className = css
    if (css === "icon") node.setAttribute("aria-hidden", "true")
    if (text !== undefined && text !== null) node.textContent = text
    return node
  }
  const rows = data.rows.map(row => {
    const line = make("li"), words = make("div", "words"), link = make("a", "", row.name)
    link.href = row.href
    link.dataset.visit = ""
    words.append(link, make("span", "quiet", row.line))
    line.append(words)
    if (row.tag) line.append(make("span", "tag " + row.tone, row.tag))
    if (row.act) {
      const button = make("button", "button")
      button.type = "button"
      button.append(make("span", "icon", "verified"), data.act)
      button.setAttribute("aria-label", `${data.act}: ${row.name}`)
      button.onclick = () => { button.disabled = true; line.classList.add("done"); setTriggerValue("done", { id: row.id, seen: row.seen }) }
      line.append(button)
    }
    return line
  })
  const list = make("ul")
  list.append(...rows)
  root.replaceChildren(...(data.count ? [make("p", "quiet", data.count)] : []), list)
}
