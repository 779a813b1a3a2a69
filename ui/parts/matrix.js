// The matrix of rights: rights by group down, roles across, one word in each cell; a cell that can be adjusted is a link.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".matrix")
  const make = (tag, css, text) => {
    const node = document.createElement(tag)
    if (css) node.className = css
    if (css === "icon") node.setAttribute("aria-hidden", "true")
    if (text !== undefined && text !== null) node.textContent = text
    return node
  }
  const head = make("tr"), body = make("tbody")
  head.append(make("th", "", data.corner))
  for (const role of data.roles) head.append(make("th", "", role))
  for (const group of data.groups) {
    const line = make("tr", "group"), title = make("th", "", group.name)
    title.colSpan = data.roles.length + 1
    line.append(title)
    body.append(line)
    for (const right of group.rights) {
      const row = make("tr"), name = make("th", "", right.name)
      name.scope = "row"
      row.append(name)
      right.cells.forEach((one, place) => {
        const box = make("td"), cell = make(one.href ? "a" : "span", one.css, one.word)
        if (one.href) { cell.href = one.href; cell.dataset.visit = "" }
        cell.dataset.role = data.roles[place]
        cell.setAttribute("aria-label", `${data.roles[place]}, ${right.name}: ${one.spoken}`)
        cell.title = one.spoken
        box.append(cell)
        row.append(box)
      })
      body.append(row)
    }
  }
  const table = make("table"), thead = make("thead"), top = root.scrollTop
  thead.append(head)
  table.append(thead, body)
  root.replaceChildren(table)
  root.scrollTop = top
}
