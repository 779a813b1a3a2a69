// A ledger: a title over lines of figures, each with its numbers in columns; a line's name may open the list that it counts.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".ledger")
  const make = (tag, css, text) => {
    const node = document.createElement(tag)
    if (css) node.className = css
    if (text !== undefined && text !== null) node.textContent = text
    return node
  }
  const head = make("tr"), body = make("tbody"), thead = make("thead"), table = make("table")
  head.append(make("th", "name", data.title), ...data.heads.map((text, place) => make("th", place ? "quiet" : "", text)))
  body.append(...data.lines.map(one => {
    const line = make("tr", one.empty ? "empty" : ""), name = make("th", "name")
    name.scope = "row"
    if (one.href) {
      const link = make("a", "", one.name)
      link.href = one.href
      link.dataset.visit = ""
      name.append(link)
    } else name.textContent = one.name
    line.append(name, ...one.cells.map((text, place) => make("td", place ? "quiet" : "", text)))
    return line
  }))
  for (const cell of head.children) cell.scope = "col"
  thead.append(head)
  table.append(thead, body)
  root.replaceChildren(table)
}
