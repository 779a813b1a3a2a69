// Boxes of facts: title, a link that edits them, labelled lines, a note below.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".facts")
  const make = (tag, css, text) => {
    const node = document.createElement(tag)
    if (css) node.className = css
    if (css === "icon") node.setAttribute("aria-hidden", "true")
    if (text !== undefined && text !== null) node.textContent = text
    return node
  }
  root.classList.toggle("beside", Boolean(data.beside))
  root.replaceChildren(...data.boxes.map(box => {
  const holder = make("section"), head = make("header"), list = make("dl")
  head.append(make("h2", "", box.title))
  if (box.edit) {
    const link = make("a", "edit")
    link.href = box.href
    link.dataset.visit = ""
    link.append(make("span", "icon", "edit"), box.edit)
    head.append(link)
  }
  for (const [label, value, icon] of box.lines) {
    if (icon === "link" && /^https?:\/\//.test(value)) {
      const pair = make("div"), line = make("dd"), link = make("a", "", value)
      Object.assign(link, { href: value, target: "_blank", rel: "noopener noreferrer" })
      line.append(link)
      pair.append(make("dt", "", label), line)
      list.append(pair)
    } else if (icon && icon !== "link") {
      const line = make("dd", "icons")
      line.append(make("span", "icon", icon), make("span", "", value))
      list.append(line)
    } else {
      const pair = make("div")
      pair.append(make("dt", "", label), make("dd", "", value))
      list.append(pair)
    }
  }
  holder.append(head, ...(box.lines.length ? [list] : []), ...(box.note ? [make("p", "", box.note)] : []))
  return holder
  }))
}
