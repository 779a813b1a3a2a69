// A queue: each row names a record (a link that opens it) and has one button, by which the row is done. Beside it stands what
// else can be done for it: a press that asks somebody, a link into one's own mail program.
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
    words.append(link, make("span", "quiet", row.line), ...(row.asked ? [make("span", "quiet asked", row.asked)] : []))
    line.append(words)
    if (row.tag) line.append(make("span", "tag " + row.tone, row.tag))
    const press = (label, icon, css, told) => {
      const button = make("button", "button " + css)
      button.type = "button"
      button.append(make("span", "icon", icon), label)
      button.setAttribute("aria-label", `${label}: ${row.name}`)
      button.onclick = () => { button.disabled = true; told() }
      line.append(button)
    }
    if (row.mail) {
      const mail = make("a", "button bare")
      mail.href = row.mail
      mail.title = data.mail
      mail.setAttribute("aria-label", `${data.mail}: ${row.name}`)
      mail.append(make("span", "icon", "mail"))
      line.append(mail)
    }
    if (row.ask) press(data.ask, "contact_support", "", () => setTriggerValue("ask", { id: row.id }))
    if (row.act) {
      press(data.act, "verified", "", () => { line.classList.add("done"); setTriggerValue("done", { id: row.id, seen: row.seen }) })
    }
    return line
  })
  const list = make("ul")
  list.append(...rows)
  root.replaceChildren(...(data.count ? [make("p", "quiet", data.count)] : []), list)
}
