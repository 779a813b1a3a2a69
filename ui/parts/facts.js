// Boxes of facts: title, a link that edits them, labelled lines, a note and further links below.
// What is shown for a while only (data.brief) gives way to other lines when its seconds are over.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".facts")
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
    if (!address.startsWith("mailto:")) link.dataset.visit = "" // opens one's own mail program
    link.append(make("span", "icon", icon), label)
    return link
  }
  const listed = lines => {
    const list = make("dl")
    for (const [label, value, icon] of lines) {
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
    return list
  }
  const below = note => (note ? [make("p", "", note)] : [])
  clearTimeout(root.brief)
  root.classList.toggle("beside", Boolean(data.beside))
  root.replaceChildren(...data.boxes.map(box => {
    const holder = make("section"), head = make("header"), body = make("div"), links = make("footer")
    head.append(make("h2", "", box.title))
    if (box.edit) head.append(visit("edit", "edit", box.edit, box.href))
    const fill = ({ lines, note }) => body.replaceChildren(...(lines.length ? [listed(lines)] : []), ...below(note))
    fill(box)
    if (box.brief) root.brief = setTimeout(() => fill(box.brief), box.brief.seconds * 1000)
    links.append(...box.links.map(([label, address, icon]) => visit("edit", icon, label, address)))
    holder.append(head, body, ...(box.links.length ? [links] : []))
    return holder
  }))
  return () => clearTimeout(root.brief)
}
