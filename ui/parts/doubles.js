// Who is there already, beside the field in which it was typed: one line each, with a link that opens it or asks for access.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".doubles")
  const make = (tag, css, text) => {
    const node = document.createElement(tag)
    if (css) node.className = css
    if (css === "icon") node.setAttribute("aria-hidden", "true")
    if (text !== undefined && text !== null) node.textContent = text
    return node
  }
  root.setAttribute("role", "status")
  root.replaceChildren(make("b", "", data.title), ...data.lines.map(line => {
    const one = make("div", "", line.text)
    if (line.link) {
      const link = make("a")
      link.href = line.href
      link.dataset.visit = ""
      link.append(make("span", "icon", line.icon), line.link)
      one.append(link)
    }
    if (line.done) one.append(make("span", "quiet", line.done))
    return one
  }))
}
